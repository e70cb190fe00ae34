// Framing, views instead of copies, and bad bytes as values.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { decode, encode, recordTypeOf } from './codec.ts'
import type { AnyRecord, Delta, ItemVector, VideoFingerprinted, VideoLiked } from './generated.ts'

const liked: VideoLiked = {
  type: 'VideoLiked',
  eventId: 'e',
  eventTimeMs: 1_700_000_000_000,
  receivedTimeMs: 1_700_000_000_001,
  userId: 'u',
  videoId: 'v',
  requestId: null,
  position: null,
  withdrawn: false,
}
const vector = (bytes: Uint8Array): ItemVector => ({
  type: 'ItemVector',
  videoId: 'v',
  generation: 3,
  vector: bytes,
  eventTimeMs: 5,
})

function decoded<Type extends AnyRecord>(bytes: Uint8Array, type: Type['type']): Type {
  const record = decode(bytes)
  assert.equal(record.type, type)
  return record as Type
}

test('a frame is magic, a big-endian schema id and the body', () => {
  const bytes = encode(liked)
  assert.equal(bytes[0], 0)
  assert.equal(new DataView(bytes.buffer, bytes.byteOffset).getUint32(1), 11)
  assert.equal(recordTypeOf(bytes), 'VideoLiked')
  assert.deepEqual({ ...decoded<VideoLiked>(bytes, 'VideoLiked') }, liked)
})

test('bytes fields are views of the input, wherever it lies and however deep they are', () => {
  const values = new Uint8Array(4_096).map((_, index) => index)
  const delta: Delta = {
    type: 'Delta',
    model: 'm',
    bucket: 0,
    epoch: 1,
    baseVersion: 1,
    version: 2,
    trainedThrough: {},
    eventTimeMs: 1,
    receivedTimes: [],
    tables: [{ table: 't', dimension: 8, half: false, rows: values, tombstones: new Uint8Array(0) }],
    dense: [],
    lineage: 0,
  }
  const framed = encode(delta)
  const shifted = new Uint8Array(framed.length + 3)
  shifted.set(framed, 3)
  const rows = decoded<Delta>(shifted.subarray(3), 'Delta').tables[0]!.rows
  assert.equal(rows.buffer, shifted.buffer)
  assert.deepEqual(Uint8Array.from(rows), values)
  shifted[rows.byteOffset] = 77
  assert.equal(rows[0], 77)
})

test('bytes in a union are views too, and null stays null', () => {
  const printed: VideoFingerprinted = {
    type: 'VideoFingerprinted',
    eventId: 'e',
    eventTimeMs: 1,
    receivedTimeMs: 1,
    videoId: 'v',
    audio: Uint8Array.of(1, 2, 3),
    picture: null,
    duplicateOf: null,
  }
  const framed = encode(printed)
  const back = decoded<VideoFingerprinted>(framed, 'VideoFingerprinted')
  assert.equal(back.audio?.buffer, framed.buffer)
  assert.deepEqual([...back.audio], [1, 2, 3])
  assert.equal(back.picture, null)
})

test('encoding leaves its input alone', () => {
  const bytes = Uint8Array.of(9, 8, 7)
  const record = Object.freeze(vector(bytes))
  encode(record)
  assert.deepEqual([...bytes], [9, 8, 7])
})

test('what is cut short, foreign or unknown is undecodable, never an exception', () => {
  const bytes = encode(vector(new Uint8Array(64)))
  for (let length = 0; length < bytes.length; length++) {
    assert.equal(decode(bytes.subarray(0, length)).type, 'undecodable', `${length} of ${bytes.length} bytes`)
  }
  assert.equal(decode(Uint8Array.of(...bytes, 0)).type, 'undecodable')
  assert.equal(decode(Uint8Array.of(1, 0, 0, 0, 1)).type, 'undecodable')
  assert.equal(decode(Uint8Array.of(0, 255, 255, 255, 255)).type, 'undecodable')
  assert.equal(recordTypeOf(Uint8Array.of(0, 255, 255, 255, 255)), null)
  assert.equal(recordTypeOf(new Uint8Array(3)), null)
})

test('a negative length of bytes is undecodable', () => {
  const bytes = Uint8Array.from(encode(vector(Uint8Array.of(5))))
  // Body: "v" (2 bytes), generation (1), then the length of the vector as a zigzag number.
  assert.equal(bytes[8], 2)
  bytes[8] = 1
  assert.equal(decode(bytes).type, 'undecodable')
})

test('a record that does not fit its schema is a programmer error naming the field', () => {
  assert.throws(() => encode({ ...liked, userId: 5 } as unknown as AnyRecord))
  assert.throws(() => encode({ type: 'Nothing' } as unknown as AnyRecord), /no schema for record type Nothing/)
})

/** avsc refuses the last safe integer: its longs end one before. */
const longMax = Number.MAX_SAFE_INTEGER - 1

test('any vector comes back as it went', () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 300 }),
      fc.string(),
      fc.nat({ max: longMax }),
      (bytes, videoId, eventTimeMs) => {
        const back = decoded<ItemVector>(encode({ ...vector(bytes), videoId, eventTimeMs }), 'ItemVector')
        assert.deepEqual([back.videoId, back.eventTimeMs, [...back.vector]], [videoId, eventTimeMs, [...bytes]])
      },
    ),
  )
})
