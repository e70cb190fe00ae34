// Whether every processor of a topology has folded what the log holds: asked in the order in which records flow.
import { countsModel, examples, gradientsOf, interactions, videos } from '../../schemas/topics.ts'
import { type Log, partitionOf } from '../../streams/log/log.ts'
import { FreshetError } from '../../streams/runtime/errors.ts'
import type { Runtime } from '../../streams/runtime/runtime.ts'

const pollMs = 100
const waitMsMax = 90_000

/** The ends move on with each Tick: what matters is where they were when they were asked. Throws drill-failed. */
export async function foldedAll(log: Log, model: string, runtime: Runtime): Promise<void> {
  const deadlineMs = runtime.clock.monotonicMs() + waitMsMax
  const groupsByTopic = [
    { [interactions]: ['joiner'] },
    { [examples]: ['counter', `trainer.${model}`] },
    {
      [gradientsOf(model)]: [`parameter-shard.${model}`],
      [gradientsOf(countsModel)]: [`parameter-shard.${countsModel}`],
      [videos]: [`item-encoder.${model}`],
    },
  ]
  for (const stage of groupsByTopic) {
    const waits = Object.entries(stage).flatMap(([topic, groups]) =>
      groups.map((group) => committedPastEnds(log, topic, group, deadlineMs, runtime)),
    )
    await Promise.all(waits)
  }
}

async function committedPastEnds(
  log: Log,
  topic: string,
  group: string,
  deadlineMs: number,
  runtime: Runtime,
): Promise<void> {
  const partitions = (await log.topics()).find(({ name }) => name === topic)?.partitions ?? 0
  const numbers = Array.from({ length: partitions }, (_, number) => partitionOf(number))
  const ends = await Promise.all(numbers.map((partition) => log.bounds({ topic, partition })))
  for (;;) {
    // A broker that is away answers later.
    const committed = await log.committed(group, topic).catch(() => null)
    const behind = numbers.find((partition) => (committed?.get(partition) ?? 0) < ends[partition]!.latest)
    if (committed && behind === undefined) return
    if (runtime.clock.monotonicMs() > deadlineMs) {
      const where = `${group} stands at ${committed?.get(behind ?? partitionOf(0)) ?? 0} in ${topic}/${behind ?? 0}`
      throw new FreshetError('drill-failed', `${where} after ${waitMsMax} ms: look at its output`)
    }
    await runtime.timers.sleep(pollMs)
  }
}
