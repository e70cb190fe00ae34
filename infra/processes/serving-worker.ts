// The thread of one serving shard: a view fed from the log, and the pipeline that answers from it.
import { join } from 'node:path'
import { feedPipeline } from '../../serving/feed/feed-pipeline.ts'
import { servingShard } from '../../serving/serving-shard.ts'
import { View } from '../../serving/view/view.ts'
import { viewFeeder } from '../../serving/view/view-feeder.ts'
import { systemDisk } from '../../streams/runtime/system-disk.ts'
import { folderBlobStore } from '../../streams/stores/folder-blob-store.ts'
import { denseCompute } from '../../trainers/model/compute.ts'
import { replica } from '../../trainers/model/replica.ts'
import { scorer } from '../../trainers/model/scorer.ts'
import { countsSpec } from '../../trainers/model/shipped-specs.ts'
import { frozenTensors, towerEncoder } from '../../trainers/model/tower-encoder.ts'
import { wasmTable } from '../../trainers/table/wasm-table.ts'
import { modelSetup } from './model-setup.ts'
import { servingMetrics } from './serving-metrics.ts'
import { shardHandlers } from './shard-channel.ts'
import { runThread, type ThreadSettings } from './worker-entry.ts'

export interface ServingSettings extends ThreadSettings {
  readonly shard: number
}

/** Shards share out the user partitions. */
const servingGroup = 'serving'
/** Pages that make a cold thread fast enough. */
const rehearsalPages = 120

await runThread<ServingSettings>(async ({ settings, log, runtime }) => {
  await denseCompute()
  const { config } = settings
  const { spec, features } = modelSetup(config)
  const model = replica(spec, wasmTable)
  const counts = replica(countsSpec, wasmTable)
  const view = new View({
    features,
    model,
    counts,
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
    blobs: folderBlobStore(systemDisk, join(config.dataDir, 'blobs')),
    runtime,
    users: { group: servingGroup },
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
