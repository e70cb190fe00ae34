// Avro `bytes` decoded as a view of the input: avsc itself copies them out into a pool of its own.
import avro from 'avsc'

/** The part of avsc's reading head that is used here; stable within the pinned version, and held by a test. */
interface Tap {
  buf: Buffer
  pos: number
  readLong(): number
}

const BytesType = avro.types.BytesType as unknown as new () => avro.Type

class ViewBytes extends BytesType {
  _read(tap: Tap): Buffer | undefined {
    const length = tap.readLong()
    const start = tap.pos
    // avsc finds out that a record is cut short by the position being past the end.
    tap.pos = length < 0 ? tap.buf.length + 1 : start + length
    return tap.pos > tap.buf.length ? undefined : tap.buf.subarray(start, start + length)
  }
}

/** A registry to parse one schema with: `bytes` in it read as views. */
export function viewBytesRegistry(): Record<string, avro.Type> {
  return { bytes: new ViewBytes() }
}
