// The first events of the shipped sample as an engine would have logged them, for tests: what was published, served, done and
// joined, with features frozen on the way and outputs under their source positions.
import { encode } from '../../../schemas/codec.ts'
import type { AnyRecord, FeedServed } from '../../../schemas/generated.ts'
import { examples, interactions, sharedTopics, users, userTopics, videos } from '../../../schemas/topics.ts'
import { countReader } from '../../../serving/view/count-view.ts'
import type { FeatureSet } from '../../../streams/features/feature-set.ts'
import { joiner } from '../../../streams/joiner/joiner.ts'
import { type Log, offsetOf } from '../../../streams/log/log.ts'
import { countsSpec } from '../../../trainers/model/shipped-specs.ts'
import { countShard } from '../../../trainers/parameter-server/count-shard.ts'
import { wasmTable } from '../../../trainers/table/wasm-table.ts'
import { samplePaths } from '../../simulation/sample.ts'
import { importWalk } from '../import/import-walk.ts'
import { readKuairand } from '../import/kuairand-files.ts'
import { LockstepInput } from '../import/lockstep-input.ts'

/** Into a log without topics. `events`: impressions, engagements and Ticks. */
export async function logSample(made: Log, features: FeatureSet, events: number): Promise<void> {
  const files = await readKuairand({ logs: [samplePaths.log], users: samplePaths.users, videos: samplePaths.videos })
  for (const spec of [...userTopics(1), ...sharedTopics()]) await made.ensureTopic(spec)
  const counter = countShard({ spec: countsSpec, featureSet: features, tableFactory: wasmTable })
  const walk = importWalk({ features, joiner: joiner(), counter, counts: countReader(counter.shard) })
  for (const video of files.videos) walk.video(video)
  for (const user of files.users) walk.user(user)
  const happened: AnyRecord[] = []
  for (const event of files.timeline('drop')) {
    if (happened.length >= events) break
    if (happened.length % 100 === 99) happened.push({ type: 'Tick', eventTimeMs: 1_000, receivedTimeMs: 1_000 })
    if (event.kind === 'impression') happened.push(walk.impression(event))
    else {
      walk.engagement(event.record)
      happened.push(event.record)
    }
  }
  await append(made, videos, files.videos)
  await append(made, users, files.users)
  await append(made, interactions, happened)
  const joined = new LockstepInput(joiner(), interactions)
  const outputs = happened.flatMap((record, offset) =>
    joined.step(record, (record as Partial<FeedServed>).userId ?? null).map((output, ordinal) => ({
      key: output.key,
      value: encode(output.record),
      timestampMs: 2,
      source: { offset: offsetOf(offset), ordinal },
    })),
  )
  await made.append(examples, outputs)
}

async function append(into: Log, topic: string, records: readonly AnyRecord[]): Promise<void> {
  await into.append(
    topic,
    records.map((record) => ({ key: null, value: encode(record), timestampMs: 1 })),
  )
}
