// The thread that learns: joiner, counter, trainer and item encoder, each a runner of its own over its own topic, and the
// snapshots of what they learned.
import { setPriority } from 'node:os'
import { join } from 'node:path'
import { examples, interactions } from '../../schemas/topics.ts'
import { joiner } from '../../streams/joiner/joiner.ts'
import { type ProcessorGroup, processorGroup } from '../../streams/processor/processor-group.ts'
import { runTicker } from '../../streams/processor/ticker.ts'
import { systemDisk } from '../../streams/runtime/system-disk.ts'
import { folderBlobStore } from '../../streams/stores/folder-blob-store.ts'
import { encoderRunner } from '../../trainers/item-encoder/encoder-runner.ts'
import { itemEncoder } from '../../trainers/item-encoder/item-encoder.ts'
import { denseCompute } from '../../trainers/model/compute.ts'
import { countsSpec } from '../../trainers/model/shipped-specs.ts'
import { type OnlineTrainer, onlineTrainer } from '../../trainers/online-trainer.ts'
import { type CountShard, countShard } from '../../trainers/parameter-server/count-shard.ts'
import { snapshotPublisher } from '../../trainers/parameter-server/snapshot-publisher.ts'
import { wasmTable } from '../../trainers/table/wasm-table.ts'
import { learningMetrics } from './learning-metrics.ts'
import { modelSetup } from './model-setup.ts'
import { runThread, type ThreadSettings } from './worker-entry.ts'

const never = new Promise<never>(() => {})

/** Where processors are short, a feed comes before learning from it. On Linux this is the niceness of this thread alone;
 *  elsewhere it would be the whole process's. */
const niceness = 10
if (process.platform === 'linux') setPriority(niceness)

await runThread<ThreadSettings>(async ({ settings, log, runtime }) => {
  await denseCompute()
  const { config } = settings
  const { spec, features } = modelSetup(config)
  const blobs = folderBlobStore(systemDisk, join(config.dataDir, 'blobs'), 'learning')
  const shared = { log, blobs, runtime, checkpointEveryMs: config.checkpointIntervalMs }
  const tuning = { featureSet: features, tableFactory: wasmTable, syncIntervalMs: config.syncIntervalMs }
  let trainer: OnlineTrainer | null = null
  let counter: CountShard | null = null
  let examplesTrained = 0

  const groups: readonly ProcessorGroup[] = await Promise.all([
    processorGroup({
      ...shared,
      group: 'joiner',
      topic: interactions,
      makeProcessor: () => joiner(),
      // Whoever owns the partition lets time pass in it.
      beside: (partition, signal) =>
        runTicker(
          {
            log,
            runtime,
            position: { topic: interactions, partition },
            activeEveryMs: config.ticks.activeMs,
            idleEveryMs: config.ticks.idleMs,
          },
          signal,
        ),
    }),
    processorGroup({
      ...shared,
      group: 'counter',
      topic: examples,
      makeProcessor() {
        counter = countShard({ spec: countsSpec, ...tuning })
        return counter
      },
    }),
    processorGroup({
      ...shared,
      group: `trainer.${spec.model}`,
      topic: examples,
      makeProcessor() {
        trainer = onlineTrainer({
          spec,
          ...tuning,
          onLearned: (records) => {
            examplesTrained += records.length
          },
        })
        return trainer
      },
    }),
  ])
  const encoder = spec.towers
    ? await encoderRunner({
        ...shared,
        encoder: itemEncoder({ spec, generationMs: config.generationMs, ...tuning }),
        model: spec.model,
      })
    : null
  const publishers = new Map<object, ReturnType<typeof snapshotPublisher>>()
  const publishSnapshots = async (): Promise<void> => {
    for (const [place, owner] of [counter, trainer].entries()) {
      if (!owner) continue
      const { shard } = owner as CountShard | OnlineTrainer
      const publisher = publishers.get(shard) ?? snapshotPublisher({ shard, ...shared })
      publishers.set(shard, publisher)
      await publisher.publish({ [`${examples}/0`]: groups[place + 1]!.progress()[0]?.next ?? 0 })
    }
  }
  const stopSnapshots = runtime.timers.every(config.checkpointIntervalMs, publishSnapshots)
  const metrics = learningMetrics({
    trainer: () => trainer,
    examplesTrained: () => examplesTrained,
    clock: runtime.clock,
    progress: () => groups.flatMap((group) => group.progress()),
  })
  const failed = Promise.race([...groups.map((group) => group.ended), encoder?.ended ?? never]).then(() => never)
  return {
    handlers: { status: () => metrics.status(), metrics: () => metrics.text() },
    failed,
    async stop() {
      stopSnapshots()
      await Promise.all([...groups.map((group) => group.stop()), encoder?.stop()])
    },
  }
})
