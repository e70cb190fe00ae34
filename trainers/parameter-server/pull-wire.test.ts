// Pulls come back as they went, from every alignment; what is damaged is refused by name and writes nothing.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { FreshetError } from '../../streams/runtime/errors.ts'
import {
  decodeDensePullRequest,
  decodeDensePullResponse,
  encodeDensePullRequest,
  encodeDensePullResponse,
} from './pull-dense-wire.ts'
import {
  decodePullRequest,
  encodePullRequest,
  idsPerPullMax,
  partsPerPullMax,
  pullResponse,
  readPullResponse,
} from './pull-wire.ts'

const u32 = fc.integer({ min: 0, max: 2 ** 32 - 1 })
const offset = fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER })
const part = fc.record(
  {
    bucket: u32,
    table: fc.string({ maxLength: 20, unit: 'grapheme' }),
    dimension: fc.integer({ min: 1, max: 256 }),
    ids: fc.array(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), { maxLength: 9 }).map((ids) => BigUint64Array.from(ids)),
  },
  { noNullPrototype: true },
)
const parts = fc.array(part, { maxLength: 6 })

/** The same bytes at another offset of another buffer. */
function shifted(bytes: Uint8Array, by: number): Uint8Array {
  const out = new Uint8Array(bytes.length + by)
  out.set(bytes, by)
  return out.subarray(by)
}

/** Runs it; anything but a result or a refusal that names a field fails. */
function refusedOr<T>(act: () => T): T | null {
  try {
    return act()
  } catch (error) {
    assert.ok(error instanceof FreshetError && error.code === 'usage', String(error))
    assert.equal(typeof error.details.field, 'string')
    assert.match(error.message, /^pull: /)
    return null
  }
}

test('a request comes back as it went, as views where it can', () => {
  fc.assert(
    fc.property(u32, parts, fc.nat(8), (examplePartition, asked, by) => {
      const bytes = shifted(encodePullRequest(examplePartition, asked), by)
      const back = decodePullRequest(bytes)
      assert.equal(back.examplePartition, examplePartition)
      assert.deepEqual(back.parts, asked)
      for (const { ids } of back.parts) assert.equal(ids.buffer === bytes.buffer, by % 8 === 0)
    }),
  )
})

test('a response fills what was asked, and gives the marks', () => {
  fc.assert(
    fc.property(fc.uniqueArray(u32, { maxLength: 6 }), offset, fc.nat(8), (buckets, mark, by) => {
      const pulls = buckets.map((bucket, index) => ({ bucket, out: new Float32Array(index * 3) }))
      const marks = new Map(buckets.map((bucket, index) => [bucket, Math.max(0, mark - index)]))
      const sent = pulls.reduce((sum, { out }) => sum + out.length, 0)
      const { bytes, values } = pullResponse(marks, sent)
      values.forEach((_, index) => {
        values[index] = index / 3
      })
      assert.deepEqual(readPullResponse(shifted(bytes, by), pulls), marks)
      assert.deepEqual(
        pulls.flatMap(({ out }) => [...out]),
        [...values],
      )
    }),
  )
})

test('damaged messages are refused, never a crash, and a refused response writes nothing', () => {
  const damage = fc.record({ cut: fc.nat(400), byte: fc.nat(400), value: fc.nat(255), more: fc.nat(20) })
  const damaged = (
    bytes: Uint8Array,
    { cut, byte, value, more }: { cut: number; byte: number; value: number; more: number },
  ) => {
    const out = new Uint8Array(Math.max(0, bytes.length - (cut % 3 === 0 ? cut % (bytes.length + 1) : 0)) + (more % 4))
    out.set(bytes.subarray(0, out.length))
    if (out.length > 0) out[byte % out.length] = value
    return out
  }
  fc.assert(
    fc.property(parts, damage, (asked, how) => {
      refusedOr(() => decodePullRequest(damaged(encodePullRequest(3, asked), how)))
      const request = encodeDensePullRequest({ bucket: 1, examplePartition: 2, knownVersion: 3 })
      refusedOr(() => decodeDensePullRequest(damaged(request, how)))
      const pulls = [
        { bucket: 1, out: new Float32Array(3).fill(-1) },
        { bucket: 2, out: new Float32Array(2).fill(-1) },
      ]
      const response = pullResponse(
        new Map([
          [1, 10],
          [2, 20],
        ]),
        5,
      )
      response.values.fill(7)
      const marks = refusedOr(() => readPullResponse(damaged(response.bytes, how), pulls))
      if (marks === null) assert.ok(pulls.every(({ out }) => out.every((value) => value === -1)))
      const values = Float32Array.of(1, 2, 3, 4, 5, 6)
      const dense = new Map([['w', { name: 'w', shape: [2, 3], values }]])
      refusedOr(() =>
        decodeDensePullResponse(damaged(encodeDensePullResponse({ mark: 4, newer: { version: 9, dense } }), how)),
      )
    }),
    { numRuns: 1_000 },
  )
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
      for (const decode of [decodePullRequest, decodeDensePullRequest, decodeDensePullResponse]) {
        assert.equal(
          refusedOr<unknown>(() => decode(bytes)),
          null,
        )
      }
      assert.equal(
        refusedOr(() => readPullResponse(bytes, [])),
        null,
      )
    }),
  )
})

test('what is too much is refused before it is read', () => {
  const ids = new BigUint64Array(idsPerPullMax / 2 + 1)
  const half = { bucket: 0, table: 't', dimension: 1, ids }
  assert.equal(decodePullRequest(encodePullRequest(0, [half])).parts.length, 1)
  assert.throws(() => decodePullRequest(encodePullRequest(0, [half, half])), { message: /parts\[1\]\.ids/ })
  const none = { ...half, ids: new BigUint64Array(0) }
  const many = encodePullRequest(0, Array(partsPerPullMax + 1).fill(none))
  assert.throws(() => decodePullRequest(many), { message: /^pull: parts: 4097/ })
  assert.throws(() => decodePullRequest(encodePullRequest(0, [{ ...none, table: 'x'.repeat(300) }])), {
    message: /parts\[0\]\.table/,
  })
})

test('dense tensors come back as they went; nothing newer is said as such', () => {
  fc.assert(
    fc.property(
      offset,
      offset,
      fc.uniqueArray(fc.string({ maxLength: 9 }), { maxLength: 4 }),
      fc.nat(8),
      (mark, version, names, by) => {
        const dense = new Map(
          names.map((name, index) => [
            name,
            { name, shape: [index, 2], values: Float32Array.from({ length: index * 2 }, (_, at) => at / 7) },
          ]),
        )
        const back = decodeDensePullResponse(shifted(encodeDensePullResponse({ mark, newer: { version, dense } }), by))
        assert.equal(back.mark, mark)
        assert.equal(back.newer!.version, version)
        assert.deepEqual(back.newer!.dense, dense)
        assert.deepEqual(decodeDensePullResponse(encodeDensePullResponse({ mark, newer: null })), { mark, newer: null })
        const request = { bucket: names.length, examplePartition: by, knownVersion: version }
        assert.deepEqual(decodeDensePullRequest(shifted(encodeDensePullRequest(request), by)), request)
      },
    ),
  )
})
