// The thread of one serving shard: a view fed from the log, and the pipeline that answers from it.
import { feedPipeline } from '../../serving/feed/feed-pipeline.ts'
import { servingShard } from '../../serving/serving-shard.ts'
import { View } from '../../serving/view/view.ts'
import { type ViewFeederOptions, viewFeeder } from '../../serving/view/view-feeder.ts'
import { denseCompute } from '../../trainers/model/compute.ts'
import { replica } from '../../trainers/model/replica.ts'
import { scorer } from '../../trainers/model/scorer.ts'
import { countsSpec } from '../../trainers/model/shipped-specs.ts'
import { frozenTensors, towerEncoder } from '../../trainers/model/tower-encoder.ts'
import { wasmTable } from '../../trainers/table/wasm-table.ts'
import { readBlobs } from './blob-folder.ts'
import { bucketsOf } from './engine-topics.ts'
import { modelSetup } from './model-setup.ts'
import { servingMetrics } from './serving-metrics.ts'
import { shardHandlers } from './shard-channel.ts'
import { runThread, type ThreadSettings } from './worker-entry.ts'

export interface ServingSettings extends ThreadSettings {
  readonly shard: number
  /** The gateway is in this process: it sends users to its threads by number, and to no other process. */
  readonly isGateway: boolean
}

/** Examples that became servable at most this old. */
export interface FreshnessBin {
  readonly upToMs: number
  readonly examples: number
}

/** Serving processes share out the user partitions. */
const servingGroup = 'serving'
/** Pages that make a cold thread fast enough. */
const rehearsalPages = 120

await runThread<ServingSettings>(async ({ settings, log, runtime }) => {
  await denseCompute()
  const { config } = settings
  const { spec, features } = modelSetup(config)
  const buckets = bucketsOf(config)
  const model = replica(spec, wasmTable, { buckets: buckets.model })
  const counts = replica(countsSpec, wasmTable, { buckets: buckets.counts })
  const view = new View({
    features,
    model,
    counts,
    userPartitions: config.log.partitions,
    vectorDimension: spec.towers?.dimension ?? 1,
    encoderOf: (ready) =>
      towerEncoder({ spec, featureSet: features, parameters: model, frozen: frozenTensors(ready.dense) }),
    clock: runtime.clock,
  })
  const pipeline = feedPipeline({
    scorer: scorer({ spec, featureSet: features, parameters: model }),
    clock: runtime.clock,
  })
  const feeder = viewFeeder({
    view,
    log,
    blobs: readBlobs(config),
    runtime,
    users: usersOf(settings),
  })
  const shard = servingShard({ view, pipeline, runtime, isReady: () => rehearsed })
  let rehearsed = false
  const rehearse = () => shard.rehearse(rehearsalPages)
  const started = feeder
    .whenReady()
    .then(rehearse)
    .then(() => {
      rehearsed = true
    })
  const metrics = servingMetrics({ view, shard, feeder, shardNumber: settings.shard })
  return {
    handlers: {
      ...shardHandlers(shard),
      rehearse,
      freshness: () => view.freshness.counts(),
      metrics: () => metrics.text(),
    },
    failed: started.then(() => new Promise<never>(() => {})),
    stop: () => feeder.stop(),
  }
})

/** A gateway finds users among the threads of its process by partition, so with several threads those are fixed. */
function usersOf({ config, shard, isGateway }: ServingSettings): ViewFeederOptions['users'] {
  const { shards, partitions } = config.serving
  if (partitions === 'shared' && !(isGateway && shards > 1)) return { group: servingGroup }
  const numbers = Array.from({ length: config.log.partitions }, (_, number) => number)
  return { partitions: numbers.filter((number) => number % shards === shard) }
}
