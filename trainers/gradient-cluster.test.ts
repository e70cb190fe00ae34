// Several trainers and several owners: each example counts once per bucket however often either starts again, slow owners are
// waited for, and tastes are learned about as well as in one process.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Example } from '../schemas/generated.ts'
import { headIndex, heads } from '../schemas/labels.ts'
import { decodeFloats } from '../schemas/layouts/floats.ts'
import type { Recorded, StepOutput } from '../streams/processor/processor.ts'
import { FreshetError } from '../streams/runtime/errors.ts'
import { systemRuntime } from '../streams/runtime/system-runtime.ts'
import { auc } from './evaluation/auc.ts'
import { ClusterMember, GradientCluster, instantTimers, runCluster } from './gradient-cluster.ts'
import { type GradientTrainer, type GradientTrainerOptions, gradientTrainer } from './gradient-trainer.ts'
import { sampleFeatures, sampleSpec } from './model/sample-features.ts'
import { onlineTrainer } from './online-trainer.ts'
import type { TrainingRecord } from './open-batch.ts'
import { CollectedOutput, plantedPartitions, plantedRecords, seededRandom } from './planted-world.ts'
import { wasmTable } from './table/wasm-table.ts'

const seed = systemRuntime.randomness.seed()
const model = { spec: sampleSpec, featureSet: sampleFeatures }

const newCluster = (buckets: number) => new GradientCluster({ ...model, tableFactory: wasmTable, buckets })

function newTrainer(
  cluster: GradientCluster,
  examplePartition: number,
  options: Partial<GradientTrainerOptions> = {},
): GradientTrainer {
  const { client, owners } = cluster
  return gradientTrainer({
    ...model,
    client,
    runtime: { timers: instantTimers },
    examplePartition,
    buckets: owners.length,
    ...options,
  })
}

async function run(trainer: GradientTrainer, records: readonly Recorded[], output: StepOutput): Promise<void> {
  for (const record of records) await trainer.step(record, output)
}

describe('gradient trainers and owners', () => {
  test('restarts at any checkpoint at any moment send the same ranges, and each counts once', async (context) => {
    context.diagnostic(`seed ${seed}`)
    const partitions = plantedPartitions(seed, 500, 30, 3)
    const options = { batchRowsMax: 16, syncIntervalMs: 600, metricsWindow: 50 }
    const rangesAfter = async (buckets: number, restarts: number) => {
      const cluster = newCluster(buckets)
      const random = seededRandom(seed + restarts)
      const members = partitions.map((records, partition) => {
        return new ClusterMember(() => newTrainer(cluster, partition, options), records)
      })
      await runCluster(members, cluster, random, restarts)
      for (const owner of cluster.owners) assert.deepEqual(owner.shard.dump(), owner.refolded().dump())
      if (restarts > 0) assert.ok(cluster.owners.some((owner) => owner.repeats > 0))
      return cluster.owners.map((owner) => partitions.map((_, partition) => owner.rangesOf(partition)))
    }
    for (const buckets of [1, 4, 6]) {
      const undisturbed = await rangesAfter(buckets, 0)
      assert.deepEqual(await rangesAfter(buckets, 8), undisturbed, `${buckets} buckets, seed ${seed}`)
    }
  })

  test('waits for owners that are far behind, and loses nothing', async () => {
    const records = plantedRecords(seed, 600, 20)
    const batchesAheadMax = 3
    const ranges = async (recordsPerCall: number) => {
      const cluster = newCluster(3)
      const trainer = newTrainer(cluster, 0, { batchesAheadMax })
      for (const owner of cluster.owners) owner.recordsPerCall = recordsPerCall
      await run(trainer, records, cluster.output)
      for (const owner of cluster.owners) assert.ok(owner.behindMost <= batchesAheadMax + 1, `${owner.behindMost}`)
      cluster.foldAll()
      return { waits: trainer.waits, ranges: cluster.owners.map((owner) => owner.rangesOf(0)) }
    }
    const [fast, slow] = [await ranges(Number.POSITIVE_INFINITY), await ranges(0.4)]
    assert.equal(fast.waits, 0)
    assert.ok(slow.waits > 0)
    assert.deepEqual(slow.ranges, fast.ranges)
  })

  test('a stop ends a step that waits, for rows or for an owner to catch up', async () => {
    const records = plantedRecords(seed, 100, 10)
    const isStopped = (error: unknown) => error instanceof FreshetError && error.code === 'stopped'
    const away = newCluster(2)
    away.isAway = true
    const hanging = newTrainer(away, 0)
    const step = run(hanging, records, away.output)
    hanging.stop()
    await assert.rejects(step, isStopped)
    const slow = newCluster(2)
    for (const owner of slow.owners) owner.recordsPerCall = 0
    const waiting = newTrainer(slow, 0, {
      batchesAheadMax: 1,
      runtime: { timers: { ...instantTimers, sleep: async () => waiting.stop() } },
    })
    await assert.rejects(run(waiting, records, slow.output), isStopped)
  })

  test('learns planted tastes with three partitions and four buckets about as well as in lockstep', async (context) => {
    context.diagnostic(`seed ${seed}`)
    const [count, perTick] = [8_000, 50]
    const scored = () => {
      const byExample = new Map<string, readonly [number, number]>()
      const onLearned = (records: readonly TrainingRecord[], predictions: Float32Array) => {
        for (const [index, record] of records.entries()) {
          const label = decodeFloats((record as Example).labels)[headIndex.longView]!
          byExample.set(record.exampleId, [predictions[index * heads.length + headIndex.longView]!, label])
        }
      }
      const newest = () => [...byExample].sort(([left], [right]) => (left < right ? -1 : 1)).slice(-3_000)
      const value = () => {
        const pairs = newest().map(([, pair]) => pair)
        return auc(
          pairs.map(([score]) => score),
          pairs.map(([, label]) => label),
        )
      }
      return { onLearned, value }
    }
    const [local, remote] = [scored(), scored()]
    const lockstep = onlineTrainer({ ...model, tableFactory: wasmTable, onLearned: local.onLearned })
    for (const record of plantedRecords(seed, count, perTick)) lockstep.step(record, new CollectedOutput())
    const cluster = newCluster(4)
    for (const owner of cluster.owners) owner.recordsPerCall = 1
    const partitions = plantedPartitions(seed, count, perTick, 3)
    const members = partitions.map((records, partition) => {
      return new ClusterMember(() => newTrainer(cluster, partition, { onLearned: remote.onLearned }), records)
    })
    await runCluster(members, cluster, seededRandom(seed))
    const [own, reference] = [remote.value(), local.value()]
    context.diagnostic(`AUC ${own.toFixed(4)}, lockstep ${reference.toFixed(4)}`)
    assert.ok(own > reference - 0.03, `AUC ${own}, lockstep ${reference}, seed ${seed}`)
  })
})
