// A checkpoint is whole or refused, says who took it, and however many came before, some of every age stay.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { checksum } from '../../schemas/ids.ts'
import { offsetOf, partitionOf } from '../log/log.ts'
import { memoryBlobStore } from '../stores/memory-blob-store.ts'
import {
  type CheckpointOwner,
  checkpointHeader,
  checkpointName,
  checkpointState,
  decodeCheckpoint,
  findCheckpoint,
  listCheckpoints,
  newestCheckpoint,
  type RefusedCheckpoint,
} from './checkpoint.ts'
import { pruneCheckpoints, putCheckpoint } from './checkpoint-keeping.ts'
import { keptCheckpoints } from './kept-checkpoints.ts'

const owner: CheckpointOwner = { group: 'g', processor: 'sum', topic: 't', partition: partitionOf(3) }
const outputs = [{ topic: 'o', partition: partitionOf(3), source: { offset: offsetOf(6), ordinal: 1 } }]
const positionAt = (next: number) => ({ next: offsetOf(next), inputSource: null, outputs })
const parts = [Uint8Array.from([1, 2]), new Uint8Array(0), Uint8Array.from([3])]

test('is found again with what it held, under a checksum of the whole blob', async () => {
  const blobs = memoryBlobStore()
  const stored = await putCheckpoint(blobs, owner, positionAt(7), parts)
  const bytes = await blobs.get(stored.blob)
  assert.deepEqual(stored, {
    blob: checkpointName(owner, offsetOf(7)),
    byteLength: bytes.byteLength,
    checksum: checksum(bytes),
    next: 7,
  })
  assert.deepEqual(await newestCheckpoint(blobs, owner, () => {}), {
    ...positionAt(7),
    state: Uint8Array.from([1, 2, 3]),
  })
  assert.deepEqual(checkpointState(bytes), Uint8Array.from([1, 2, 3]))
  assert.deepEqual(checkpointHeader(bytes.subarray(0, bytes.byteLength - 18)), { owner, ...positionAt(7) })
})

test('the parts of a state may be cut anywhere', async () => {
  const blobs = memoryBlobStore()
  const state = Uint8Array.from({ length: 40 }, (_, index) => index)
  const whole = await putCheckpoint(blobs, owner, positionAt(7), [state])
  const bytes = await blobs.get(whole.blob)
  for (let cut = 0; cut <= state.length; cut++) {
    const again = await putCheckpoint(blobs, owner, positionAt(7), [state.subarray(0, cut), state.subarray(cut)])
    assert.deepEqual(again, whole)
    assert.deepEqual(await blobs.get(again.blob), bytes)
  }
})

test('of another processor, cut short, stretched or with a bit flipped it is none', async () => {
  const blobs = memoryBlobStore()
  const { blob } = await putCheckpoint(blobs, owner, positionAt(7), parts)
  const bytes = await blobs.get(blob)
  assert.throws(() => decodeCheckpoint({ ...owner, processor: 'other' }, bytes), RangeError)
  for (let length = 0; length < bytes.length; length++) {
    assert.throws(() => decodeCheckpoint(owner, bytes.subarray(0, length)), RangeError, String(length))
    assert.throws(() => checkpointState(bytes.subarray(0, length)), RangeError)
    const flipped = Uint8Array.from(bytes)
    flipped[length]! ^= 16
    assert.throws(() => checkpointState(flipped), RangeError, String(length))
  }
  assert.throws(() => decodeCheckpoint(owner, Buffer.concat([bytes, bytes])), RangeError)
  assert.throws(() => checkpointHeader(Uint8Array.from([1, 2, 3])), RangeError)
})

test('those that are damaged or do not fit are passed over, each for its reason', async () => {
  const blobs = memoryBlobStore()
  for (const next of [10, 20, 30]) await putCheckpoint(blobs, owner, positionAt(next), [Uint8Array.from([next])])
  await blobs.put(checkpointName(owner, offsetOf(40)), Uint8Array.from([1]))
  const load = (state: Uint8Array) => {
    if (state[0]! > 10) throw new RangeError('taken past a rollback')
  }
  const { found, refused } = await findCheckpoint(blobs, owner, load)
  assert.equal(found?.next, 10)
  const reasons = refused.map(({ blob, reason }) => [Number(blob.slice(-2)), reason])
  assert.deepEqual(reasons, [
    [40, 'damaged'],
    [30, 'misfit'],
    [20, 'misfit'],
  ])
  const refuse = () => {
    throw new RangeError('no')
  }
  await assert.rejects(newestCheckpoint(blobs, owner, refuse), /1 damaged, 3 that the processor does not take/)
  const others = { ...owner, processor: 'other' }
  const { refused: foreign } = await findCheckpoint(blobs, others, () => {})
  assert.deepEqual(
    foreign.map(({ reason }) => reason),
    ['damaged', 'misfit', 'misfit', 'misfit'],
  )
  const breaking = () => assert.fail('a bug')
  await assert.rejects(newestCheckpoint(blobs, owner, breaking), /a bug/)
})

test('what was refused goes first, and does not push out what is good', async () => {
  const blobs = memoryBlobStore()
  for (const next of [10, 30, 40]) await putCheckpoint(blobs, owner, positionAt(next), parts)
  const refused = [40, 30, 20].map(
    (next): RefusedCheckpoint => ({ blob: checkpointName(owner, offsetOf(next)), reason: 'misfit', message: '' }),
  )
  const stored = await putCheckpoint(blobs, owner, positionAt(20), parts)
  const offsets = async () => (await listCheckpoints(blobs, owner)).map((name) => Number(name.slice(-2)))
  const needed = new Set([checkpointName(owner, offsetOf(40))])
  await pruneCheckpoints(blobs, owner, { newest: stored, kept: 2, refused, needed })
  assert.deepEqual(await offsets(), [10, 20, 40])
  await pruneCheckpoints(blobs, owner, { newest: stored, kept: 2, refused, needed: new Set() })
  assert.deepEqual(await offsets(), [10, 20])
})

const gaps = fc.array(fc.integer({ min: 1, max: 10_000 }), { minLength: 1, maxLength: 300 })

test('the newest two stay, never more than asked, and the oldest beyond two', () => {
  fc.assert(
    fc.property(gaps, fc.integer({ min: 0, max: 12 }), (distances, kept) => {
      let stay: number[] = []
      let newest = 0
      for (const [index, gap] of distances.entries()) {
        const before = stay.at(-1)
        newest += gap
        stay = [...keptCheckpoints([...stay, newest], kept)]
        assert.equal(stay.at(-1), newest)
        if (before !== undefined) assert.equal(stay.at(-2), before)
        assert.equal(stay.length, Math.min(index + 1, Math.max(2, kept)))
        if (kept > 2) assert.equal(stay[0], distances[0])
      }
    }),
  )
})

test('distances of those that stay grow by a bounded factor', () => {
  for (const kept of [6, 8, 12]) {
    let stay: number[] = []
    for (let count = 1; count <= 3_000; count++) {
      stay = [...keptCheckpoints([...stay, count], kept)]
      // While one wanders back to make room for another it is that much worse than the best, a factor of count^(1/(n - 2)).
      const bound = 8 * count ** (1 / (kept - 2))
      for (let index = 0; index + 2 < stay.length; index++) {
        const factor = (count - stay[index]!) / (count - stay[index + 1]!)
        assert.ok(factor <= bound, `${kept} kept of ${count}: ${stay.map((offset) => count - offset)}`)
      }
    }
  }
})
