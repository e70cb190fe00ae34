// Ids agree with XXH64 as published, stay apart between slots, and crossed ids neither collide nor correlate.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  absentRowId,
  checksum,
  crossRowId,
  derivedEventId,
  exampleId,
  type RowId,
  rowId,
  runningChecksum,
  slotSeed,
  timeOrderedId,
  uniformOf,
} from './ids.ts'

const bytesOf = (text: string) => new TextEncoder().encode(text)

test('the hash is XXH64', () => {
  // From the reference implementation's documentation and its sanity checks.
  assert.equal(checksum(bytesOf('')), 'ef46db3751d8e999')
  assert.equal(checksum(bytesOf('a')), 'd24ec4f1a98c6e5b')
  assert.equal(checksum(bytesOf('abc')), '44bc2cf5ad770999')
  assert.equal(checksum(bytesOf('Nobody inspects the spammish repetition')), 'fbcea83c8a378bf1')
  assert.equal(slotSeed('abc'), 0x44bc2cf5ad770999n)
})

test('a row id is the seeded hash of the UTF-8 text; slots stay apart', () => {
  const text = 'vidéo-7'
  assert.equal(rowId('video', text).toString(16).padStart(16, '0'), checksum(bytesOf(text), slotSeed('video')))
  assert.notEqual(rowId('video', text), rowId('creator', text))
  assert.equal(rowId('video', text), rowId('video', text))
  assert.notEqual(rowId('video', text), absentRowId)
})

test('a crossed id depends on slot, sides and their order; an absent side makes it absent', () => {
  const user = rowId('user', 'u')
  const tag = rowId('hashtag', 't')
  assert.notEqual(crossRowId('a', user, tag), crossRowId('a', tag, user))
  assert.notEqual(crossRowId('a', user, tag), crossRowId('b', user, tag))
  assert.equal(crossRowId('a', absentRowId, tag), absentRowId)
  assert.equal(crossRowId('a', user, absentRowId), absentRowId)
})

function collisions(lefts: readonly RowId[], rights: readonly RowId[]): number {
  const ids = new BigUint64Array(lefts.length * rights.length)
  let index = 0
  for (const left of lefts) for (const right of rights) ids[index++] = crossRowId('cross', left, right)
  ids.sort()
  let equal = 0
  for (let next = 1; next < ids.length; next++) if (ids[next] === ids[next - 1]) equal++
  return equal
}

test('no collisions over a million crossed pairs, hashed or dense', () => {
  const hashed = (slot: string) => Array.from({ length: 1_000 }, (_, index) => rowId(slot, `${index}`))
  assert.equal(collisions(hashed('user'), hashed('hashtag')), 0)
  const dense = Array.from({ length: 500 }, (_, index) => BigInt(index + 1) as RowId)
  assert.equal(collisions(dense, dense), 0)
})

test('each bit of either side moves about half of a crossed id', () => {
  const samples = 60
  for (const side of ['left', 'right'] as const) {
    for (let bit = 0n; bit < 64n; bit++) {
      let flipped = 0
      for (let sample = 0; sample < samples; sample++) {
        const left = rowId('left', `${sample}`)
        const right = rowId('right', `${sample}`)
        const turned = (id: RowId, own: boolean) => (own ? id ^ (1n << bit) : id) as RowId
        const other = crossRowId('cross', turned(left, side === 'left'), turned(right, side === 'right'))
        flipped += onesOf(crossRowId('cross', left, right) ^ other)
      }
      const mean = flipped / samples
      assert.ok(mean > 24 && mean < 40, `${side} bit ${bit} flips ${mean} of 64 bits`)
    }
  }
})

function onesOf(bits: bigint): number {
  return bits.toString(2).replaceAll('0', '').length
}

test('an example is named by request, position and policy alone', () => {
  assert.equal(exampleId('r', 1, 'p'), exampleId('r', 1, 'p'))
  const names = new Set([
    exampleId('r', 1, 'p'),
    exampleId('r', 2, 'p'),
    exampleId('r1', 1, 'p'),
    exampleId('r', 1, 'q'),
  ])
  assert.equal(names.size, 4)
  assert.match(exampleId('r', 1, 'p'), /^[0-9a-f]{16}$/)
})

test('sampling by text is uniform and independent between purposes', () => {
  const draws = Array.from({ length: 20_000 }, (_, index) => uniformOf(`id-${index}`, 'sampling'))
  assert.ok(draws.every((value) => value >= 0 && value < 1))
  for (let bin = 0; bin < 10; bin++) {
    const count = draws.filter((value) => Math.floor(value * 10) === bin).length
    assert.ok(Math.abs(count - 2_000) < 200, `bin ${bin} holds ${count}`)
  }
  const both = draws.filter((value, index) => value < 0.5 && uniformOf(`id-${index}`, 'holdout') < 0.5).length
  assert.ok(Math.abs(both - 5_000) < 400, `${both} of 20000 in both halves`)
})

test('derived event ids are UUIDs of version 8, drawn ones UUIDv7 that carry their time', () => {
  assert.equal(derivedEventId('a'), derivedEventId('a'))
  assert.notEqual(derivedEventId('a'), derivedEventId('b'))
  assert.match(derivedEventId('a'), /^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab]/)
  const nowMs = Date.UTC(2026, 0, 1)
  const drawn = timeOrderedId(nowMs)
  assert.match(drawn, /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-/)
  assert.equal(Number.parseInt(drawn.replaceAll('-', '').slice(0, 12), 16), nowMs)
  assert.notEqual(timeOrderedId(nowMs), drawn)
})

test('a checksum of parts is the checksum of the whole, wherever it is cut and however often it is looked at', () => {
  const bytes = Uint8Array.from({ length: 300 }, (_, index) => index * 7)
  for (const seed of [0n, 5n]) {
    for (const step of [1, 31, 32, 100, 300]) {
      const running = runningChecksum(seed)
      for (let at = 0; at < bytes.length; at += step) {
        running.update(bytes.subarray(at, at + step))
        assert.equal(running.digest(), checksum(bytes.subarray(0, at + step), seed))
      }
    }
  }
  const large = new Uint8Array((1 << 22) + 5).fill(3)
  const running = runningChecksum()
  for (const part of [large.subarray(0, 7), large.subarray(7)]) running.update(part)
  assert.equal(running.digest(), checksum(large))
})
