// A snapshot is announced as what was stored, once it is, and never while publication is held.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { decode } from '../../schemas/codec.ts'
import { type NewRecord, offsetOf } from '../../streams/log/log.ts'
import { simulatedRuntime } from '../../streams/runtime/simulated-runtime.ts'
import { DumpLedger } from './dump-ledger.ts'
import { snapshotAnnouncer } from './snapshot-announcer.ts'

class Topic {
  readonly appended: { readonly topic: string; readonly record: NewRecord }[] = []

  async append(topic: string, records: readonly NewRecord[]) {
    for (const record of records) this.appended.push({ topic, record })
    return []
  }
}

const taken = (next: number) => ({ blob: `b/${next}`, byteLength: 77, checksum: 'ab', next: offsetOf(next) })
const dumped = (next: number, isHeld = false) => ({ next, version: next - 3, lineage: 2, isHeld })

function announcing(ledger: DumpLedger) {
  const log = new Topic()
  const runtime = simulatedRuntime(1)
  const shard = { dumpedAt: (next: number) => ledger.at(next) }
  const place = { model: 'sample', bucket: 3, epoch: 12, topic: 'gradients.sample', partition: 3 }
  return { log, announce: snapshotAnnouncer({ log, runtime, shard, ...place }) }
}

describe('snapshot announcer', () => {
  test('names the state that was dumped, though the owner has gone on', async () => {
    const ledger = new DumpLedger()
    const { log, announce } = announcing(ledger)
    ledger.note(dumped(40))
    ledger.note(dumped(90))
    assert.equal(await announce(taken(41)), true)
    const [{ topic, record }] = log.appended as [Topic['appended'][number]]
    assert.deepEqual([topic, record.key, record.partition], ['snapshots.sample', 'snapshot/3', 3])
    const { eventTimeMs: _, ...announced } = decode(record.value!) as unknown as Record<string, unknown>
    assert.deepEqual(announced, {
      type: 'SnapshotTaken',
      model: 'sample',
      bucket: 3,
      epoch: 12,
      lineage: 2,
      version: 37,
      blob: 'b/41',
      bytes: 77,
      checksum: 'ab',
      offsets: { 'gradients.sample/3': 41 },
    })
  })

  test('keeps quiet about what is held or was never dumped here', async () => {
    const ledger = new DumpLedger()
    const { log, announce } = announcing(ledger)
    assert.equal(await announce(taken(5)), false)
    ledger.note(dumped(40, true))
    assert.equal(await announce(taken(40)), false)
    assert.equal(log.appended.length, 0)
  })

  test('remembers the newest dumps alone', () => {
    const ledger = new DumpLedger()
    for (let next = 1; next <= 100; next++) ledger.note(dumped(next))
    assert.equal(ledger.at(100)!.next, 100)
    assert.equal(ledger.at(95)!.next, 95)
    assert.equal(ledger.at(50), null)
    ledger.note({ ...dumped(100), lineage: 9 })
    assert.equal(ledger.at(1_000)!.lineage, 9)
  })
})
