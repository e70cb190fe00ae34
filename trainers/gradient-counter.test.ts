// Counts that travel as gradients: whole numbers equal to those of the lockstep counter however often counters start again,
// the same bytes for the same records, one chain of ranges per bucket.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Example, Gradient } from '../schemas/generated.ts'
import { rowId } from '../schemas/ids.ts'
import { decodeGradientRows } from '../schemas/layouts/gradient-rows.ts'
import { countColumnIndex, countDimension } from '../streams/features/count-columns.ts'
import type { Feature } from '../streams/features/feature.ts'
import { featureSet } from '../streams/features/feature-set.ts'
import type { Recorded } from '../streams/processor/processor.ts'
import { systemRuntime } from '../streams/runtime/system-runtime.ts'
import { ClusterMember, GradientCluster, runCluster } from './gradient-cluster.ts'
import { gradientCounter } from './gradient-counter.ts'
import { sampleFeatures } from './model/sample-features.ts'
import { countsSpec } from './model/shipped-specs.ts'
import { countShard } from './parameter-server/count-shard.ts'
import {
  CollectedOutput,
  correctionOf,
  labelsOf,
  PlantedWorld,
  plantedPartitions,
  recorded,
  seededRandom,
  tick,
} from './planted-world.ts'
import { readTableDump } from './table/table-dump.ts'
import { wasmTable } from './table/wasm-table.ts'

const seed = systemRuntime.randomness.seed()
const counting: Feature = {
  name: 'counting',
  slots: [],
  dense: [],
  write(_, sink) {
    for (const slot of ['video', 'user', 'creator']) {
      sink.addSlot('totals', slot)
      sink.addSlot('trends', slot)
    }
    sink.add('totals', rowId('everything', ''))
  },
}
/** A write side without slots or dense values: the layout stays that of the sample features. */
const features = featureSet([...sampleFeatures.features, counting])
const model = { spec: countsSpec, featureSet: features }
/** Sums of seconds are no whole numbers: their last digits depend on the order. */
const wholeColumns = Object.entries(countColumnIndex).flatMap(([name, index]) => (name === 'watchTime' ? [] : [index]))

const newCluster = (buckets: number) => new GradientCluster({ ...model, tableFactory: wasmTable, buckets })
const newCounter = (examplePartition: number, buckets: number, batchRowsMax = 512) =>
  gradientCounter({ ...model, examplePartition, buckets, batchRowsMax })

function withCorrections(records: readonly Recorded[]): Recorded[] {
  const more = records.map(({ record }, index) => {
    return record.type === 'Example' && index % 5 === 0 ? [record, correctionOf(record, labelsOf(true))] : [record]
  })
  return recorded(more.flat(), 'examples', 0, records[0]!.partition)
}

/** Whole columns by id, from one or several tables. */
function wholeNumbers(dumps: readonly Uint8Array[]): Map<bigint, number[]> {
  const totals = countsSpec.tables.find(({ name }) => name === 'totals')!
  const rows = dumps.flatMap((dump) => {
    const { ids, rows: values } = readTableDump(totals, dump)
    return [...ids].map((id, index): [bigint, number[]] => {
      return [id, wholeColumns.map((column) => values[index * countDimension + column]!)]
    })
  })
  const byId = new Map(rows.sort(([left], [right]) => (left < right ? -1 : 1)))
  assert.equal(byId.size, rows.length, 'each row is in one bucket')
  return byId
}

describe('gradient counter', () => {
  test('restarts included, three counters and four buckets count what one lockstep counter counts', async (context) => {
    context.diagnostic(`seed ${seed}`)
    const partitions = plantedPartitions(seed, 600, 40, 3).map(withCorrections)
    const lockstep = countShard({ ...model, tableFactory: wasmTable })
    const one = partitions.flat().map(({ record }) => record)
    for (const record of recorded(one.filter(({ type }) => type !== 'Tick')))
      lockstep.step(record, new CollectedOutput())
    for (const restarts of [0, 6]) {
      const cluster = newCluster(4)
      const members = partitions.map((records, partition) => {
        return new ClusterMember(() => newCounter(partition, 4, 16), records)
      })
      await runCluster(members, cluster, seededRandom(seed), restarts)
      const dumps = cluster.owners.map(({ shard }) => shard.tables.get('totals')!.dump())
      const expected = wholeNumbers([lockstep.shard.tables.get('totals')!.dump()])
      assert.deepEqual(wholeNumbers(dumps), expected, `${restarts} restarts, seed ${seed}`)
      assert.equal(
        cluster.owners.reduce((rows, { shard }) => rows + shard.tables.get('trends')!.rows, 0),
        lockstep.shard.tables.get('trends')!.rows,
      )
    }
  })

  test('continues byte for byte from a dump at any record', () => {
    const records = withCorrections(plantedPartitions(seed, 80, 15, 1)[0]!)
    const whole = newCounter(0, 3, 8)
    const output = new CollectedOutput()
    for (const record of records) whole.step(record, output)
    for (let cut = 0; cut <= records.length; cut += 7) {
      const [first, second] = [newCounter(0, 3, 8), newCounter(0, 3, 8)]
      const both = new CollectedOutput()
      for (const record of records.slice(0, cut)) first.step(record, both)
      second.load(first.dump())
      for (const record of records.slice(cut)) second.step(record, both)
      assert.deepEqual(both.records, output.records, `cut at ${cut}`)
      assert.deepEqual(second.dump(), whole.dump(), `cut at ${cut}`)
    }
  })

  test('a batch is one gradient per bucket: increments summed, newest event time, how many were counted', () => {
    const world = new PlantedWorld(seed)
    const output = new CollectedOutput()
    const counter = newCounter(0, 1)
    const examples = Array.from({ length: 20 }, () => world.example())
    for (const record of recorded([...examples, tick(1_000), tick(2_000)])) counter.step(record, output)
    const gradient = output.records[0]!.record as Gradient
    assert.equal(output.records.length, 1)
    assert.deepEqual([gradient.fromOffset, gradient.toOffset, gradient.previousToOffset], [0, 20, 0])
    assert.equal(gradient.quality, null)
    assert.equal(
      gradient.receivedTimes.reduce((sum, bin) => sum + bin.examples, 0),
      20,
    )
    const totals = decodeGradientRows(gradient.rows).find(({ table }) => table === 'totals')!
    const all = totals.ids.indexOf(rowId('everything', ''))
    assert.equal(totals.values[all * countDimension + countColumnIndex.outcomes], 20)
    assert.equal(totals.occurrences[all], 20)
    assert.equal(totals.eventTimesMs[all], examples.at(-1)!.eventTimeMs)
  })

  test('features under another layout or of a wrong length are refused and send nothing', () => {
    const example: Example = new PlantedWorld(1).example()
    const output = new CollectedOutput()
    const counter = newCounter(0, 2)
    const foreign = { ...example, featureSet: 'another' }
    const cut = { ...example, features: example.features.slice(0, 9) }
    for (const record of recorded([foreign, cut, tick(1_000)])) counter.step(record, output)
    assert.equal(output.reasons.length, 2)
    assert.deepEqual(output.records, [])
  })
})
