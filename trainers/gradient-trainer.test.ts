// A trainer that sends gradients: what it learns through owners that keep up is what the lockstep trainer learns, byte for byte;
// what it sends, and what it carries over a restart.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { AnyRecord, Example } from '../schemas/generated.ts'
import { encodeFeatureRow } from '../schemas/layouts/feature-row.ts'
import { decodeFloats } from '../schemas/layouts/floats.ts'
import { decodeGradientRows } from '../schemas/layouts/gradient-rows.ts'
import type { Recorded, StepOutput } from '../streams/processor/processor.ts'
import { systemRuntime } from '../streams/runtime/system-runtime.ts'
import { GradientCluster, instantTimers } from './gradient-cluster.ts'
import { type GradientTrainer, type GradientTrainerOptions, gradientTrainer } from './gradient-trainer.ts'
import { kernelUsage } from './model/network/kernel-memory.ts'
import { sampleFeatures, sampleSpec } from './model/sample-features.ts'
import { onlineTrainer } from './online-trainer.ts'
import { CollectedOutput, plantedRecords, recorded, tick } from './planted-world.ts'
import type { Table } from './table/table.ts'
import { readTableDump } from './table/table-dump.ts'
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

/** Rows with their values as text, ascending by id. */
function rowsOf(tables: readonly Table[]): string[] {
  const rows = tables.flatMap((table) => {
    const dump = readTableDump(table.spec, table.dump())
    const perRow = dump.rows.length / Math.max(1, dump.ids.length)
    return [...dump.ids].map((id, index) => {
      return `${id} ${dump.eventTimesMs[index]} ${dump.rows.subarray(index * perRow, (index + 1) * perRow)}`
    })
  })
  return rows.sort()
}

describe('gradient trainer', () => {
  for (const buckets of [1, 4]) {
    test(`learns through ${buckets} buckets that keep up what the lockstep trainer learns`, async () => {
      const records = plantedRecords(seed, 1_500, 50)
      const lockstep = onlineTrainer({ ...model, tableFactory: wasmTable })
      for (const record of records) lockstep.step(record, new CollectedOutput())
      const cluster = newCluster(buckets)
      const trainer = newTrainer(cluster, 0)
      await run(trainer, records, cluster.output)
      cluster.foldAll()
      for (const { name } of sampleSpec.tables) {
        const tables = cluster.owners.map((owner) => owner.shard.tables.get(name)!)
        assert.deepEqual(rowsOf(tables), rowsOf([lockstep.shard.tables.get(name)!]), `${name}, seed ${seed}`)
      }
      assert.deepEqual(new Map(cluster.owners.at(-1)!.shard.dense), new Map(lockstep.shard.dense))
      assert.deepEqual(trainer.metrics.dump(), lockstep.metrics.dump())
    })
  }

  test('one bucket gets its dense gradients in the one chain, also when no example follows', async () => {
    const world = plantedRecords(seed, 60, 10)
    const later = recorded([tick(50_000), tick(60_000)], 'examples', world.length)
    const cluster = newCluster(1)
    const trainer = newTrainer(cluster, 0, { syncIntervalMs: 250 })
    await run(trainer, [...world, ...later], cluster.output)
    cluster.foldAll()
    const { applied } = cluster.owners[0]!
    assert.deepEqual(
      applied.map(({ fromOffset, toOffset, dense }) => [fromOffset, toOffset, dense.length > 0]),
      [
        // Ticks come every 100 ms, so every third ends an interval; the first Tick ends the one before the start.
        [0, 10, true],
        [11, 21, false],
        [22, 32, false],
        [33, 43, true],
        [44, 54, false],
        [55, 65, false],
        // Nothing is pending at this Tick, which itself is what comes next.
        [66, 67, true],
      ],
    )
    assert.equal(applied.at(-1)!.quality, null)
    assert.equal(decodeGradientRows(applied.at(-1)!.rows).length, 0)
  })

  test('dense gradients go to their bucket once an interval, summed, with the range and quality of all batches', async () => {
    const cluster = newCluster(3)
    const trainer = newTrainer(cluster, 0, { syncIntervalMs: 250, batchRowsMax: 7 })
    await run(trainer, plantedRecords(seed, 60, 10), cluster.output)
    cluster.foldAll()
    const dense = cluster.owners[2]!.applied
    assert.deepEqual(
      dense.map(({ previousToOffset, fromOffset, toOffset, quality }) => [
        ...[previousToOffset, fromOffset, toOffset],
        quality!.examples,
      ]),
      [
        [0, 0, 10, 10],
        [10, 11, 43, 30],
      ],
    )
    for (const { rows, eventTimeMs, toOffset } of dense) {
      assert.equal(decodeGradientRows(rows).length, 0)
      assert.ok(eventTimeMs > 0 && eventTimeMs < toOffset * 10)
    }
    for (const owner of cluster.owners.slice(0, 2)) {
      for (const { dense: none, receivedTimes, quality } of owner.applied) {
        assert.equal(none.length, 0)
        assert.ok(quality!.examples > 0 && quality!.examples <= 7 && Number.isFinite(quality!.logLoss))
        assert.equal(
          receivedTimes.reduce((sum, bin) => sum + bin.examples, 0),
          quality!.examples,
        )
      }
    }
  })

  test('the ranges of each bucket cover every example with a row in it', async () => {
    const records = plantedRecords(seed, 300, 30)
    const cluster = newCluster(5)
    await run(newTrainer(cluster, 0, { batchRowsMax: 8 }), records, cluster.output)
    cluster.foldAll()
    for (const [bucket, owner] of cluster.owners.entries()) {
      if (bucket === 4) continue
      const covered = new Set(
        owner.applied.flatMap(({ fromOffset, toOffset }) =>
          records.slice(fromOffset, toOffset).map((one) => one.offset),
        ),
      )
      // The user's rows all lie in the bucket of the partition, so that bucket sees every example.
      if (bucket === 0)
        for (const { offset, record } of records) assert.ok(record.type === 'Tick' || covered.has(offset))
      assert.ok(covered.size > 0)
    }
  })

  test('a bucket is told of a batch by its ids alone, also when every gradient in it is zero', async () => {
    const example = plantedRecords(seed, 1, 1)[0]!.record as Example
    const cluster = newCluster(4)
    const records = recorded([{ ...example, weight: 0 }, tick(1_000)])
    await run(newTrainer(cluster, 0), records, cluster.output)
    cluster.foldAll()
    const touched = cluster.owners.filter(({ applied }) => applied.length > 0)
    assert.ok(touched.length >= 2)
    const rows = touched.flatMap(({ applied }) => applied.flatMap((gradient) => decodeGradientRows(gradient.rows)))
    assert.deepEqual(rows, [])
  })

  test('gradients say how often and when last each id occurred', async () => {
    const records = plantedRecords(seed, 40, 40)
    const cluster = newCluster(1)
    await run(newTrainer(cluster, 0), records, cluster.output)
    cluster.foldAll()
    const users = decodeGradientRows(cluster.owners[0]!.applied[0]!.rows).find(({ table }) => table === 'user')!
    // Each example holds two ids of this table: the user's, and the user's with the creator.
    assert.ok(users.occurrences.reduce((sum, count) => sum + count, 0) <= 80)
    assert.ok(users.occurrences.some((count) => count > 1))
    assert.equal(Math.max(...users.eventTimesMs), 39 * 10 + 5)
  })

  test('what is no number is left out, counted and told', async () => {
    const example = plantedRecords(seed, 1, 1)[0]!.record as Example
    const cluster = newCluster(3)
    const { client } = cluster
    const poisoned: typeof client = {
      ...client,
      async pull(partition, pulls, signal) {
        const folded = await client.pull(partition, pulls, signal)
        pulls.find(({ table }) => table === 'user')?.out.fill(Number.NaN)
        return folded
      },
    }
    const trainer = newTrainer(cluster, 0, { client: poisoned })
    await run(trainer, recorded([example, tick(1_000)]), cluster.output)
    cluster.foldAll()
    assert.ok(trainer.nonFinite > 0)
    const gradients = cluster.owners.flatMap(({ applied }) => applied)
    assert.ok(gradients.every(({ quality }) => quality!.nonFinite > 0))
    const values = gradients.flatMap(({ rows, dense }) => [
      ...decodeGradientRows(rows).flatMap((table) => [...table.values]),
      ...dense.flatMap((tensor) => [...decodeFloats(tensor.values)]),
    ])
    assert.ok(values.every(Number.isFinite))
  })

  test('continues byte for byte from a dump at any record, where owners keep up', async () => {
    const records = plantedRecords(seed, 130, 20)
    const options = { batchRowsMax: 16, metricsWindow: 50, syncIntervalMs: 450 }
    const emitted = async (cut: number) => {
      const cluster = newCluster(3)
      let trainer = newTrainer(cluster, 0, options)
      await run(trainer, records.slice(0, cut), cluster.output)
      const dump = trainer.dump()
      trainer = newTrainer(cluster, 0, options)
      trainer.load(dump)
      assert.deepEqual(trainer.dump(), dump)
      await run(trainer, records.slice(cut), cluster.output)
      cluster.foldAll()
      return { state: trainer.dump(), ranges: cluster.owners.map((owner) => owner.rangesOf(0)) }
    }
    const whole = await emitted(0)
    for (const cut of [1, 17, 21, 64, 130]) assert.deepEqual(await emitted(cut), whole, `cut at ${cut}`)
  })

  test('bad records are refused with their reason and change nothing', async () => {
    const example = plantedRecords(seed, 1, 1)[0]!.record as Example
    const bad: AnyRecord[] = [
      { ...example, featureSet: 'another' },
      { ...example, features: encodeFeatureRow(new BigUint64Array(1), new Float32Array(0)) },
      { ...example, weight: -1 },
    ]
    const cluster = newCluster(2)
    const trainer = newTrainer(cluster, 0)
    const earlier = trainer.dump()
    const output = new CollectedOutput()
    await run(trainer, recorded(bad), output)
    assert.equal(output.reasons.length, bad.length)
    assert.deepEqual(trainer.dump(), earlier)
  })

  test('no tensor is left behind', async () => {
    const cluster = newCluster(3)
    const trainer = newTrainer(cluster, 0)
    const records = plantedRecords(seed, 300, 30)
    await run(trainer, records.slice(0, 62), cluster.output)
    const held = kernelUsage()
    await run(trainer, records.slice(62), cluster.output)
    assert.deepEqual(kernelUsage(), held)
  })
})
