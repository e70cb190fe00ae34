// Avro `bytes` decoded as a view of the input, where avsc copies them out into a pool of its own, and encoded from any
// Uint8Array, where avsc insists on Buffer.
import avro from 'avsc'

/** The part of avsc's reading head that is used here; stable within the pinned version, and held by a test. */
interface Tap {
  buf: Buffer
  pos: number
  readLong(): number
  writeLong(value: number): void
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

  _check(value: unknown, _flags: unknown, hook?: (value: unknown, type: unknown) => void): boolean {
    const fits = value instanceof Uint8Array
    if (!fits) hook?.(value, this)
    return fits
  }

  _write(tap: Tap, value: unknown): void {
    if (!(value instanceof Uint8Array)) throw new TypeError(`invalid "bytes": ${JSON.stringify(value)}`)
    tap.writeLong(value.length)
    const start = tap.pos
    tap.pos = start + value.length
    if (tap.pos <= tap.buf.length) tap.buf.set(value, start)
  }
}

/** What `bytes` is in one schema. */
export function viewBytes(): avro.Type {
  return new ViewBytes()
}
