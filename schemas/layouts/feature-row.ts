// Layout of frozen features, little-endian: u16 id count, u16 dense count, u16 1 + ids present, u16 dense values present; a bit
// per id, then a bit per dense value, each set padded to 4 bytes, lowest bit first: 1 where it is not zero; then the u64 row ids and
// the f32 dense values that are not zero, in order. Most places of a row are empty. Rows from before it was so have zero as the
// third and fourth u16, no bits, and all ids and values. Which id and which value stand where is named by the record's
// featureSet.
import { shortLived } from './byte-slabs.ts'

export interface FeatureRow {
  readonly ids: BigUint64Array
  /** The ids as pairs of 32-bit halves, the lower first: to read one as a bigint is to allocate it. */
  readonly idHalves: Uint32Array
  readonly dense: Float32Array
}

/** Views of these, not copies. */
export function featureRow(ids: BigUint64Array, dense: Float32Array): FeatureRow {
  return { ids, idHalves: new Uint32Array(ids.buffer, ids.byteOffset, 2 * ids.length), dense }
}

const headerBytes = 8
const headerWords = headerBytes / 4
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

  const idBits = headerWords
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

/** A row that can be written bit by bit: minus zero and every kind of NaN stay what they are. */
interface BlankRow extends FeatureRow {
  readonly denseBits: Uint32Array
}

/** Rows by place, used again and again: what is decoded to a place is good until the next is decoded to it. */
export class RowMemory {
  readonly #rows: BlankRow[] = []

  /** What it holds is of before. */
  at(place: number, idCount: number, denseCount: number): BlankRow {
    const known = this.#rows[place]
    if (known !== undefined && known.ids.length === idCount && known.dense.length === denseCount) return known
    const fresh = blankRow(new Uint8Array(idCount * 8 + denseCount * 4), idCount, denseCount)
    this.#rows[place] = fresh
    return fresh
  }
}

/** A row of its own, or the one at `place` of `memory`. Throws RangeError on what is no row. */
export function decodeFeatureRow(bytes: Uint8Array, memory?: RowMemory, place = 0): FeatureRow {
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
  const words = alignedWords(bytes)
  const row = memory
    ? memory.at(place, idCount, denseCount)
    : blankRow(shortLived.take(idCount * 8 + denseCount * 4), idCount, denseCount)
  if (isWhole) {
    row.idHalves.set(words.subarray(headerWords, headerWords + 2 * idCount))
    row.denseBits.set(words.subarray(headerWords + 2 * idCount, headerWords + 2 * idCount + denseCount))
  } else spread(words, row, idsMark - 1, valuesPresent)
  return row
}

function blankRow(bytes: Uint8Array, idCount: number, denseCount: number): BlankRow {
  const { buffer, byteOffset } = bytes
  const denseOffset = byteOffset + idCount * 8
  return {
    ids: new BigUint64Array(buffer, byteOffset, idCount),
    idHalves: new Uint32Array(buffer, byteOffset, 2 * idCount),
    dense: new Float32Array(buffer, denseOffset, denseCount),
    denseBits: new Uint32Array(buffer, denseOffset, denseCount),
  }
}

let alignedBytes = new Uint8Array(4_096)
let aligned = new Uint32Array(alignedBytes.buffer)

/** A copy, good until the next: records do not begin where a view of their words could. */
function alignedWords(bytes: Uint8Array): Uint32Array {
  if (bytes.byteLength > alignedBytes.length) {
    alignedBytes = new Uint8Array(Math.ceil(bytes.byteLength / 2) * 4)
    aligned = new Uint32Array(alignedBytes.buffer)
  }
  alignedBytes.set(bytes)
  return aligned
}

/** Puts what is present where its bit stands, and zero elsewhere. */
function spread(from: Uint32Array, { idHalves, denseBits }: BlankRow, idsPresent: number, valuesPresent: number): void {
  const idCount = idHalves.length / 2
  const denseCount = denseBits.length
  const valueWords = headerWords + wordsOf(idCount)
  const idsFrom = valueWords + wordsOf(denseCount)
  const idsEnd = idsFrom + 2 * idsPresent
  const valuesEnd = idsEnd + valuesPresent
  let at = idsFrom
  idHalves.fill(0)
  for (let first = 0; first < idCount; first += 32) {
    let word = from[headerWords + (first >> 5)]!
    while (word !== 0 && at < idsEnd) {
      const place = first + lowestBit(word)
      if (place >= idCount) throw wrongBits()
      idHalves[2 * place] = from[at]!
      idHalves[2 * place + 1] = from[at + 1]!
      at += 2
      word &= word - 1
    }
    if (word !== 0) throw wrongBits()
  }
  if (at !== idsEnd) throw wrongBits()
  denseBits.fill(0)
  for (let first = 0; first < denseCount; first += 32) {
    let word = from[valueWords + (first >> 5)]!
    while (word !== 0 && at < valuesEnd) {
      const place = first + lowestBit(word)
      if (place >= denseCount) throw wrongBits()
      denseBits[place] = from[at++]!
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

function wordsOf(bits: number): number {
  return (bits + 31) >> 5
}

function setBit(words: Uint32Array, from: number, bit: number): void {
  words[from + (bit >> 5)] = words[from + (bit >> 5)]! | (1 << (bit & 31))
}
