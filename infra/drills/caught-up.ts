// Whether every processor of a topology has folded what the log holds: asked in the order in which records flow.
import { countsModel, deltasOf, examples, gradientsOf, interactions, videos } from '../../schemas/topics.ts'
import { type Log, partitionOf } from '../../streams/log/log.ts'
import { FreshetError } from '../../streams/runtime/errors.ts'
import type { Runtime } from '../../streams/runtime/runtime.ts'

const pollMs = 100
const waitMsMax = 90_000

/** The ends move on with each Tick: what matters is where they were when they were asked. Throws drill-failed. */
export async function foldedAll(log: Log, model: string, runtime: Runtime): Promise<void> {
  const deadlineMs = runtime.clock.monotonicMs() + waitMsMax
  const steps: readonly (readonly [string, readonly string[]])[] = [
    [interactions, ['joiner']],
    [examples, ['counter', `trainer.${model}`]],
    [gradientsOf(model), [`parameter-shard.${model}`]],
    [gradientsOf(countsModel), [`parameter-shard.${countsModel}`]],
    [deltasOf(model), []],
    [videos, [`item-encoder.${model}`]],
  ]
  const specs = await log.topics()
  for (const [topic, groups] of steps) {
    const partitions = specs.find(({ name }) => name === topic)?.partitions ?? 0
    for (let number = 0; number < partitions; number++) {
      const partition = partitionOf(number)
      const { latest } = await log.bounds({ topic, partition })
      for (const group of groups) {
        for (;;) {
          const next = await log.committed(group, topic).then(
            (committed) => committed.get(partition) ?? 0,
            () => -1,
          )
          if (next >= latest) break
          if (runtime.clock.monotonicMs() > deadlineMs) {
            const where = `${group} stands at ${next} of ${latest} in ${topic}/${number}`
            throw new FreshetError('drill-failed', `${where} after ${waitMsMax} ms: look at its output`)
          }
          await runtime.timers.sleep(pollMs)
        }
      }
    }
  }
}
