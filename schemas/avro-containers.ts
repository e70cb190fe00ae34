// Avro maps and arrays that stop where their bytes do: avsc makes room for as many elements as a broken record claims to have,
// and reads on behind its end. Keys of maps are interned; so is a whole list of strings that says the same as the one before.
import avro from 'avsc'
import { readString, type Tap } from './interned-strings.ts'

type Made<T> = new (schema: avro.Schema, options: unknown) => T
const MapType = avro.types.MapType as unknown as Made<avro.types.MapType>
const ArrayType = avro.types.ArrayType as unknown as Made<avro.types.ArrayType>

interface Readable {
  _read(tap: Tap): unknown
}

class BoundedMap extends MapType {
  _read(tap: Tap): Record<string, unknown> {
    const values = this.valuesType as unknown as Readable
    const out: Record<string, unknown> = {}
    for (let count = blockSize(tap); count !== 0; count = blockSize(tap)) {
      for (let left = count; left > 0 && isWithin(tap); left--) out[readString(tap) as string] = values._read(tap)
    }
    return out
  }
}

class BoundedArray extends ArrayType {
  _read(tap: Tap): unknown[] {
    const items = this.itemsType as unknown as Readable
    const out: unknown[] = []
    for (let count = blockSize(tap); count !== 0; count = blockSize(tap)) {
      for (let left = count; left > 0 && isWithin(tap); left--) out.push(items._read(tap))
    }
    return out
  }
}

/** Names of heads come with every example, in the same order. */
class RepeatedStrings extends BoundedArray {
  #bytes: Buffer = Buffer.alloc(0)
  #strings: string[] = []

  override _read(tap: Tap): unknown[] {
    // avsc reads older schemas by this method on an object of its own.
    if (!(#bytes in this)) return super._read(tap)
    const { buf, pos: start } = tap
    const bytes = this.#bytes
    // Never where it was cut short: what is kept ends with its own end.
    if (bytes.length > 0 && start + bytes.length <= buf.length && isAt(bytes, buf, start)) {
      tap.pos = start + bytes.length
      return this.#strings
    }
    const strings = super._read(tap) as string[]
    const length = tap.pos - start
    if (strings.length === 0 || length > repeatedBytesMax || tap.pos > buf.length) return strings
    this.#bytes = Buffer.from(buf.subarray(start, tap.pos))
    this.#strings = Object.freeze(strings) as string[]
    return strings
  }
}

const repeatedBytesMax = 512

function isAt(bytes: Buffer, buf: Buffer, start: number): boolean {
  for (let index = 0; index < bytes.length; index++) if (bytes[index] !== buf[start + index]) return false
  return true
}

/** For `typeHook` of avsc: every other type as avsc makes it. */
export function boundedContainers(schema: unknown, options: unknown): avro.Type | undefined {
  const type = typeof schema === 'object' && schema !== null ? (schema as { type?: unknown }).type : null
  if (type === 'map') return new BoundedMap(schema as avro.Schema, options)
  if (type === 'array') {
    const isOfStrings = (schema as { items?: unknown }).items === 'string'
    return isOfStrings
      ? new RepeatedStrings(schema as avro.Schema, options)
      : new BoundedArray(schema as avro.Schema, options)
  }
  return undefined
}

/** Elements of the next block; a negative count is followed by the block's bytes. 0 behind the end. */
function blockSize(tap: Tap): number {
  if (!isWithin(tap)) return 0
  const count = tap.readLong()
  if (count < 0) tap.readLong()
  return Math.abs(count)
}

/** avsc finds out that a record is cut short by the position being past the end. */
function isWithin({ pos, buf }: Tap): boolean {
  return pos <= buf.length
}
