// Layout of frozen features, little-endian: u16 id count, u16 dense count, u16 1 + ids present, u16 dense values present; a bit
// per id, then a bit per dense value, each set padded to 4 bytes, lowest bit first: 1 where it is not zero; then the u64 row ids and
// the f32 dense values that are not zero, in order. Most places of a row are empty. Rows from before it was so have zero as the
// third and fourth u16, no bits, and all ids and values. Which id and which value stand where is named by the record's
// featureSet.
import { alignedTo, type ByteMemory, shortLived } from './byte-slabs.ts'

export interface FeatureRow {
  readonly ids: BigUint64Array
  readonly dense: Float32Array
}

const headerBytes = 8
const placesMax = 0xfffe

/** Throws RangeError on more than 65,534 ids or values. */
export function encodeFeatureRow(ids: BigUint64Array, dense: Float32Array): Uint8Array {
  if (Math.max(ids.length, dense.length) > placesMax) {
    throw new RangeError(`${ids.length} ids and ${dense.length} values in a feature row, at most ${placesMax} of each`)
  }
  const halves = new Uint32Array(ids.buffer, ids.byteOffset, 2 * ids.length)
  // The bits of a value, not the value: minus zero and every kind of NaN stay what they are.
  const values = new Uint32Array(dense.buffer, dense.byteOffset, dense.length)
  let idsPresent = 0
  for (let at = 0; at < halves.length; at += 2) if ((halves[at]! | halves[at + 1]!) !== 0) idsPresent++
  let valuesPresent = 0
  for (let at = 0; at < values.length; at++) if (values[at] !== 0) valuesPresent++

  const idBits = headerBytes / 4
  const valueBits = idBits + wordsOf(ids.length)
  let place = valueBits + wordsOf(dense.length)
  const out = new Uint32Array(place + 2 * idsPresent + valuesPresent)
  out[0] = ids.length | (dense.length << 16)
  out[1] = (1 + idsPresent) | (valuesPresent << 16)
  for (let at = 0; at < halves.length; at += 2) {
    if ((halves[at]! | halves[at + 1]!) === 0) continue
    setBit(out, idBits, at >> 1)
    out[place++] = halves[at]!
    out[place++] = halves[at + 1]!
  }
  for (let at = 0; at < values.length; at++) {
    if (values[at] === 0) continue
    setBit(out, valueBits, at)
    out[place++] = values[at]!
  }
  return new Uint8Array(out.buffer)
}

/** In `memory`, or views of `bytes` where these are of the first layout and aligned to 8: copy what is kept for long. Throws
 *  RangeError on what is no row. */
export function decodeFeatureRow(bytes: Uint8Array, memory: ByteMemory = shortLived): FeatureRow {
  const { byteLength } = bytes
  if (byteLength < headerBytes) throw new RangeError(`feature row of ${byteLength} bytes has no header`)
  const idCount = bytes[0]! | (bytes[1]! << 8)
  const denseCount = bytes[2]! | (bytes[3]! << 8)
  const idsMark = bytes[4]! | (bytes[5]! << 8)
  const valuesPresent = bytes[6]! | (bytes[7]! << 8)
  const isWhole = idsMark === 0
  const want = isWhole
    ? headerBytes + idCount * 8 + denseCount * 4
    : headerBytes + 4 * (wordsOf(idCount) + wordsOf(denseCount) + 2 * (idsMark - 1) + valuesPresent)
  if (byteLength !== want) throw new RangeError(`feature row of ${byteLength} bytes, expected ${want}`)
  if (isWhole) return rowIn(alignedTo(8, bytes, memory), headerBytes, idCount, denseCount)
  const row = rowIn(memory.take(idCount * 8 + denseCount * 4), 0, idCount, denseCount)
  spread(new DataView(bytes.buffer, bytes.byteOffset, byteLength), row, idsMark - 1, valuesPresent)
  return row
}

/** Puts what is present where its bit stands, and zero elsewhere. */
function spread(from: DataView, { ids, dense }: FeatureRow, idsPresent: number, valuesPresent: number): void {
  const row = new Uint32Array(ids.buffer, ids.byteOffset, 2 * ids.length + dense.length).fill(0)
  const valueBits = headerBytes + 4 * wordsOf(ids.length)
  const idsFrom = valueBits + 4 * wordsOf(dense.length)
  const idsEnd = idsFrom + 8 * idsPresent
  const valuesEnd = idsEnd + 4 * valuesPresent
  let at = idsFrom
  for (let first = 0; first < ids.length; first += 32) {
    let word = from.getUint32(headerBytes + (first >> 3), true)
    while (word !== 0 && at < idsEnd) {
      const place = first + lowestBit(word)
      if (place >= ids.length) throw wrongBits()
      row[2 * place] = from.getUint32(at, true)
      row[2 * place + 1] = from.getUint32(at + 4, true)
      at += 8
      word &= word - 1
    }
    if (word !== 0) throw wrongBits()
  }
  if (at !== idsEnd) throw wrongBits()
  for (let first = 0; first < dense.length; first += 32) {
    let word = from.getUint32(valueBits + (first >> 3), true)
    while (word !== 0 && at < valuesEnd) {
      const place = first + lowestBit(word)
      if (place >= dense.length) throw wrongBits()
      row[2 * ids.length + place] = from.getUint32(at, true)
      at += 4
      word &= word - 1
    }
    if (word !== 0) throw wrongBits()
  }
  if (at !== valuesEnd) throw wrongBits()
}

function lowestBit(word: number): number {
  return 31 - Math.clz32(word & -word)
}

function wrongBits(): RangeError {
  return new RangeError('the bits of a feature row do not tell as many ids and values as it holds')
}

function rowIn(bytes: Uint8Array, from: number, idCount: number, denseCount: number): FeatureRow {
  const start = bytes.byteOffset + from
  return {
    ids: new BigUint64Array(bytes.buffer, start, idCount),
    dense: new Float32Array(bytes.buffer, start + idCount * 8, denseCount),
  }
}

function wordsOf(bits: number): number {
  return (bits + 31) >> 5
}

function setBit(words: Uint32Array, from: number, bit: number): void {
  words[from + (bit >> 5)] = words[from + (bit >> 5)]! | (1 << (bit & 31))
}
