// What the lockstep trainer does not publish, and what it undoes: a held publication, ranges that a rollback names.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Delta } from '../schemas/generated.ts'
import type { Recorded } from '../streams/processor/processor.ts'
import { systemRuntime } from '../streams/runtime/system-runtime.ts'
import { sampleFeatures, sampleSpec } from './model/sample-features.ts'
import { type OnlineTrainerOptions, onlineTrainer } from './online-trainer.ts'
import { CollectedOutput, plantedRecords } from './planted-world.ts'
import { wasmTable } from './table/wasm-table.ts'

const seed = systemRuntime.randomness.seed()
const newTrainer = (options: Partial<OnlineTrainerOptions> = {}) =>
  onlineTrainer({ spec: sampleSpec, featureSet: sampleFeatures, tableFactory: wasmTable, ...options })

function run(records: readonly Recorded[], options: Partial<OnlineTrainerOptions> = {}) {
  const trainer = newTrainer(options)
  const output = new CollectedOutput()
  for (const record of records) trainer.step(record, output)
  return { trainer, deltas: output.records.map(({ record }) => record as Delta) }
}

describe('online trainer, rolled back and held', () => {
  test('examples that a rollback undoes are not learned, by whoever knows of it whenever', () => {
    const records = plantedRecords(seed, 400, 20)
    const [from, until] = [130, 260]
    const rollbacks = [{ eventId: 'r1', from, until }]
    const options = { batchRowsMax: 16, metricsWindow: 50 }
    const { trainer: knew, deltas } = run(records, { ...options, rollbacks })
    assert.equal(knew.lineage, 1)
    for (const { version, lineage } of deltas) {
      assert.ok(version <= from || version > until)
      assert.equal(lineage, version > until ? 1 : 0)
    }
    // One learned all of it, was told, and starts again from its checkpoint before.
    const { trainer: early } = run(records.slice(0, 110), options)
    const checkpoint = early.dump()
    for (const record of records.slice(110, 300)) early.step(record, new CollectedOutput())
    const again = newTrainer({ ...options, rollbacks })
    assert.throws(() => again.load(early.dump()), RangeError)
    again.load(checkpoint)
    const seen: boolean[] = []
    for (const record of records.slice(110)) {
      again.step(record, new CollectedOutput())
      seen.push(again.wantsCheckpoint)
    }
    assert.equal(seen.indexOf(true), until - 1 - 110)
    assert.deepEqual(again.dump(), knew.dump())
    assert.equal(again.wantsCheckpoint, false)
    assert.equal(again.dumpedAt(records.length)!.lineage, 1)
    // Neither was what lies between ever learned.
    const { trainer: without } = run([...records.slice(0, from), ...records.slice(until)], { ...options, rollbacks })
    for (const [name, table] of without.shard.tables)
      assert.deepEqual(knew.shard.tables.get(name)!.dump(), table.dump())
  })

  test('what is no number holds publication, until a rollback lets go', () => {
    const records = plantedRecords(seed, 200, 20)
    const rollbacks = [{ eventId: 'r1', from: 150, until: 150 }]
    const trainer = newTrainer({ rollbacks })
    const versionsOf = (part: readonly Recorded[]) => {
      const output = new CollectedOutput()
      for (const record of part) trainer.step(record, output)
      return output.records.map(({ record }) => (record as Delta).version)
    }
    assert.ok(versionsOf(records.slice(0, 80)).length > 0)
    const bias = trainer.shard.dense.get('ranker.bias')!
    const good = bias.values.slice()
    bias.values.fill(Number.NaN)
    trainer.shard.pushDense('ranker.bias', new Float32Array(good.length))
    assert.deepEqual(versionsOf(records.slice(80, 140)), [])
    assert.equal(trainer.held!.reason, 'non-finite')
    assert.ok(trainer.nonFinite > 0)
    assert.equal(trainer.dumpedAt(140), null)
    const held = newTrainer()
    held.load(trainer.dump())
    assert.ok(trainer.dumpedAt(140)!.isHeld)
    assert.deepEqual(held.held, trainer.held)
    bias.values.set(good)
    trainer.shard.pushDense('ranker.bias', new Float32Array(good.length))
    assert.ok(versionsOf(records.slice(140)).length > 0)
    assert.equal(trainer.held, null)
  })
})
