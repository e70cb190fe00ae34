// Counts as rows: exact against a plain fold, unchanged by restarts, taken back by corrections, and on every replica.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Delta } from '../../schemas/generated.ts'
import { rowId } from '../../schemas/ids.ts'
import { countColumnIndex, countDimension } from '../../streams/features/count-columns.ts'
import type { Feature } from '../../streams/features/feature.ts'
import { featureSet } from '../../streams/features/feature-set.ts'
import type { Recorded } from '../../streams/processor/processor.ts'
import { replica } from '../model/replica.ts'
import { sampleFeatures } from '../model/sample-features.ts'
import { countsSpec } from '../model/shipped-specs.ts'
import { CollectedOutput, correctionOf, labelsOf, PlantedWorld, recorded, tick } from '../planted-world.ts'
import { wasmTable } from '../table/wasm-table.ts'
import { countShard } from './count-shard.ts'
import type { Rollback } from './rollbacks.ts'

const counting: Feature = {
  name: 'counting',
  slots: [],
  dense: [],
  write(_, sink) {
    sink.addSlot('totals', 'video')
    sink.addSlot('trends', 'video')
    sink.add('totals', rowId('everything', ''))
  },
}
/** A write side without slots or dense values: the layout stays that of the sample features. */
const features = featureSet([...sampleFeatures.features, counting])
const newShard = (rollbacks: readonly Rollback[] = []) =>
  countShard({ spec: countsSpec, featureSet: features, tableFactory: wasmTable, rollbacks })
const all = rowId('everything', '')

function records(count: number): Recorded[] {
  const world = new PlantedWorld(11)
  const examples = Array.from({ length: count }, () => world.example())
  const untilTick = examples.flatMap((example, index) => (index % 10 === 9 ? [example, tick(index * 40)] : [example]))
  return recorded([...untilTick, tick(count * 100)])
}

const total = (shard: ReturnType<typeof newShard>, id: bigint) => {
  const out = new Float32Array(countDimension)
  shard.shard.pull('totals', BigUint64Array.of(id), 1, out)
  return out
}

describe('counter', () => {
  test('counts each example once, and every replica holds the same', () => {
    const shard = newShard()
    const output = new CollectedOutput()
    const stream = records(200)
    for (const record of stream) shard.step(record, output)
    assert.deepEqual(output.reasons, [])
    assert.equal(total(shard, all)[countColumnIndex.outcomes], 200)
    const views = replica(countsSpec, wasmTable)
    for (const { record, topic } of output.records) {
      assert.equal(topic, 'deltas.counts')
      assert.equal(views.apply(record as Delta), 'applied')
    }
    for (const [name, table] of views.tablesOf(0))
      assert.deepEqual(table.dump(), shard.shard.tables.get(name)!.dump(), name)
  })

  test('continues byte for byte from a dump at any record', () => {
    const stream = records(60)
    const whole = newShard()
    const output = new CollectedOutput()
    for (const record of stream) whole.step(record, output)
    for (let cut = 0; cut <= stream.length; cut += 7) {
      const [first, second] = [newShard(), newShard()]
      const both = new CollectedOutput()
      for (const record of stream.slice(0, cut)) first.step(record, both)
      second.load(first.dump())
      for (const record of stream.slice(cut)) second.step(record, both)
      assert.deepEqual(both.records, output.records, `cut at ${cut}`)
      assert.deepEqual(second.dump(), whole.dump(), `cut at ${cut}`)
    }
  })

  test('an example and its correction count as the final labels alone', () => {
    const example = new PlantedWorld(1).exampleOf(1, 2, [], false)
    const [corrected, direct] = [newShard(), newShard()]
    const output = new CollectedOutput()
    for (const record of recorded([example, correctionOf(example, labelsOf(true))])) corrected.step(record, output)
    const final = new PlantedWorld(1).exampleOf(1, 2, [], true)
    for (const record of recorded([final])) direct.step(record, output)
    assert.deepEqual(output.reasons, [])
    for (const [index, value] of total(corrected, all).entries()) {
      assert.ok(Math.abs(value - total(direct, all)[index]!) < 1e-5)
    }
  })

  test('features under another layout or of a wrong length are refused', () => {
    const example = new PlantedWorld(1).example()
    const shard = newShard()
    const output = new CollectedOutput()
    const foreign = { ...example, featureSet: 'another' }
    const cut = { ...example, features: example.features.slice(0, 9) }
    for (const record of recorded([foreign, cut])) shard.step(record, output)
    assert.equal(output.reasons.length, 2)
    assert.equal(total(shard, all)[0], 0)
  })

  test('a rollback takes counts back, whether it was known from the start or came later', () => {
    const stream = records(100)
    const rollbacks = [{ eventId: 'a', from: 33, until: 70 }]
    const [told, plain] = [newShard(rollbacks), newShard()]
    const output = new CollectedOutput()
    for (const record of stream) told.step(record, output)
    for (const record of stream)
      if (record.offset < 33 || record.offset >= 70) plain.step(record, new CollectedOutput())
    for (const [name, table] of plain.shard.tables) assert.deepEqual(told.shard.tables.get(name)!.dump(), table.dump())
    assert.deepEqual([...new Set(output.records.map(({ record }) => (record as Delta).lineage))], [0, 1])
    const [early, later, late] = [newShard(), newShard(rollbacks), newShard()]
    for (const record of stream.slice(0, 20)) early.step(record, output)
    later.load(early.dump())
    for (const record of stream.slice(20)) later.step(record, output)
    assert.equal(Buffer.compare(later.dump(), told.dump()), 0)
    for (const record of stream.slice(0, 40)) late.step(record, output)
    assert.throws(() => newShard(rollbacks).load(late.dump()), RangeError)
    assert.equal(told.dumpedAt(stream.length)!.lineage, 1)
  })
})
