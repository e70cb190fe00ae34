// All checks of a drill over what its topology left behind: the log, the blobs, and what clients were told.
import { countsModel, deltasOf, examples, gradientsOf, interactions } from '../../../schemas/topics.ts'
import type { FeatureSet } from '../../../streams/features/feature-set.ts'
import { joiner } from '../../../streams/joiner/joiner.ts'
import type { Log } from '../../../streams/log/log.ts'
import type { BlobStore } from '../../../streams/stores/blob-store.ts'
import { bucketing } from '../../../trainers/model/buckets.ts'
import { denseCompute } from '../../../trainers/model/compute.ts'
import type { ModelSpec } from '../../../trainers/model/model-spec.ts'
import { countsSpec } from '../../../trainers/model/shipped-specs.ts'
import type { ShardProcessor } from '../../../trainers/parameter-server/shard-processor.ts'
import type { Ledger } from '../../processes/persistent-clients.ts'
import { countCheck } from './count-check.ts'
import { eventCheck } from './event-check.ts'
import type { Finding } from './finding.ts'
import { foldCheck } from './fold-check.ts'
import { type LogContents, readLog } from './log-reader.ts'
import { rangeCheck } from './range-check.ts'
import { bucketOfItem, touchedByCounting, touchedByTraining } from './touched-buckets.ts'
import { vectorCheck } from './vector-check.ts'
import { type Verdict, verdictOf } from './verdict.ts'
import { viewCheck } from './view-check.ts'

export interface Remains {
  readonly log: Log
  readonly blobs: BlobStore
  readonly ledger: Ledger
  readonly spec: ModelSpec
  readonly features: FeatureSet
  /** A fresh owner of a bucket, as the topology's own were made. */
  makeShard(model: string, bucket: number): ShardProcessor
}

export async function judge(remains: Remains): Promise<Verdict> {
  await denseCompute()
  const { log, ledger, spec, features } = remains
  const contents = await readLog(log)
  const findings: Finding[] = [eventCheck(contents, ledger), ...(await joinerFindings(contents, remains))]
  const counts = await ownersOf(countsSpec, contents, remains)
  const model = await ownersOf(spec, contents, remains)
  const layoutOf = (name: string, hasDense: boolean) => bucketing(contents.partitions(gradientsOf(name)), hasDense)
  const countsLayout = layoutOf(countsModel, false)
  findings.push(
    ...counts.findings,
    rangeCheck(contents, countsModel, touchedByCounting(features, countsLayout)),
    countCheck(contents, features, (id, out) => {
      const { tables } = counts.shards[bucketOfItem(id, countsLayout)]!
      tables.get('totals')!.pull(BigUint64Array.of(id), 1, out)
    }),
    viewCheck(contents, countsSpec, counts.states),
    ...model.findings,
    rangeCheck(contents, spec.model, touchedByTraining(spec, features, layoutOf(spec.model, true))),
    viewCheck(contents, spec, model.states),
    vectorCheck(contents, spec, features),
  )
  return verdictOf(findings)
}

async function joinerFindings(contents: LogContents, { blobs }: Remains): Promise<Finding[]> {
  const partitions = Array.from({ length: contents.partitions(interactions) }, (_, partition) => partition)
  const judged = partitions.map((partition) => {
    const mover = {
      group: 'joiner',
      topic: interactions,
      partition,
      producers: 'several' as const,
      output: examples,
      processor: joiner(),
    }
    return foldCheck(mover, contents, blobs)
  })
  return (await Promise.all(judged)).map(({ finding }) => finding)
}

interface JudgedOwners {
  readonly findings: readonly Finding[]
  /** Independent folds, by bucket. */
  readonly shards: readonly ShardProcessor[]
  readonly states: readonly Uint8Array[]
}

async function ownersOf(spec: ModelSpec, contents: LogContents, remains: Remains): Promise<JudgedOwners> {
  const topic = gradientsOf(spec.model)
  const buckets = Array.from({ length: contents.partitions(topic) }, (_, bucket) => bucket)
  const shards = buckets.map((bucket) => remains.makeShard(spec.model, bucket))
  const group = `parameter-shard.${spec.model}`
  const judged = await Promise.all(
    shards.map((processor, partition) =>
      foldCheck(
        { group, topic, partition, producers: 'several', output: deltasOf(spec.model), processor },
        contents,
        remains.blobs,
      ),
    ),
  )
  return {
    findings: judged.map(({ finding }) => finding),
    shards,
    states: judged.map(({ fold }) => fold.state),
  }
}
