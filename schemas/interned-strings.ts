// Avro `string` decoded without making the same short string again and again: names of heads, surfaces, ids of those who
// act now. What was read lately is kept by its bytes in a table of fixed size; the longer ones are nearly all new.
import avro from 'avsc'

/** The part of avsc's reading head that is used here; stable within the pinned version, and held by a test. */
export interface Tap {
  buf: Buffer
  pos: number
  readLong(): number
}

const StringType = avro.types.StringType as unknown as new () => avro.Type

/** An id made by hand or a name; a UUID is longer, and new. */
const bytesMax = 32
/** A power of two. */
const placesMax = 8_192
const kept = new Array<string>(placesMax).fill('')
/** Of each kept string: its bytes, in the first so many of `bytesMax`. To look at bytes is cheaper than at characters. */
const keptBytes = new Uint8Array(placesMax * bytesMax)
const keptLengths = new Uint8Array(placesMax)

class InternedString extends StringType {
  _read(tap: Tap): string | undefined {
    return readString(tap)
  }
}

/** undefined where it is cut short: avsc finds out by the position being past the end. */
export function readString(tap: Tap): string | undefined {
  const { buf } = tap
  const first = buf[tap.pos]!
  // Of fewer than 64 bytes, nearly always: the length is one byte, zigzag.
  const isShort = first < 128 && (first & 1) === 0
  if (isShort) tap.pos++
  const length = isShort ? first >> 1 : tap.readLong()
  const { pos: start } = tap
  const end = length < 0 ? buf.length + 1 : start + length
  tap.pos = end
  if (end > buf.length) return undefined
  if (length > bytesMax) return buf.toString('utf8', start, end)
  const place = placeOf(buf, start, end)
  if (keptLengths[place] === length && isAt(place * bytesMax, buf, start, length)) return kept[place]
  const fresh = buf.toString('utf8', start, end)
  kept[place] = fresh
  keptLengths[place] = length
  for (let index = 0; index < length; index++) keptBytes[place * bytesMax + index] = buf[start + index]!
  return fresh
}

/** Ids tell themselves apart at their end. */
function placeOf(bytes: Buffer, start: number, end: number): number {
  let hash = end - start
  if (start < end) hash = (hash << 5) ^ bytes[start]!
  for (let at = Math.max(start, end - 8); at < end; at++) hash = Math.imul(hash, 31) + bytes[at]!
  return (hash ^ (hash >>> 13)) & (placesMax - 1)
}

function isAt(keptAt: number, bytes: Buffer, start: number, length: number): boolean {
  for (let index = 0; index < length; index++) if (keptBytes[keptAt + index] !== bytes[start + index]) return false
  return true
}

/** What `string` is in one schema. */
export function internedStrings(): avro.Type {
  return new InternedString()
}
