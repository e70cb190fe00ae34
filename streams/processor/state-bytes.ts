// Writes and reads processor states as bytes: the same calls give the same bytes, strings and byte arrays carry their
// length, numbers are little-endian. No type tags: the reader asks for what the writer wrote.

/** Letters up to which a loop is faster than a call. */
const shortText = 64

/** Appends to one growing buffer. */
export class StateWriter {
  private buffer: Buffer
  private length = 0

  /** `bytesExpected` saves growing; it limits nothing. */
  constructor(bytesExpected = 4_096) {
    this.buffer = Buffer.allocUnsafe(Math.max(64, bytesExpected))
  }

  private room(bytes: number): number {
    const at = this.length
    this.length += bytes
    if (this.length > this.buffer.length) {
      const grown = Buffer.allocUnsafe(Math.max(this.length, this.buffer.length * 2))
      this.buffer.copy(grown, 0, 0, at)
      this.buffer = grown
    }
    return at
  }

  u8(value: number): void {
    const at = this.room(1)
    this.buffer[at] = value
  }

  u16(value: number): void {
    const at = this.room(2)
    this.buffer.writeUInt16LE(value, at)
  }

  u32(value: number): void {
    const at = this.room(4)
    this.buffer.writeUInt32LE(value, at)
  }

  f32(value: number): void {
    const at = this.room(4)
    this.buffer.writeFloatLE(value, at)
  }

  /** Also for times and offsets: exact up to 2^53. */
  f64(value: number): void {
    const at = this.room(8)
    this.buffer.writeDoubleLE(value, at)
  }

  /** Bytes written so far. */
  get position(): number {
    return this.length
  }

  /** Begins anew in the same memory. */
  restart(): void {
    this.length = 0
  }

  text(value: string): void {
    if (value.length <= shortText && this.ascii(value)) return
    const bytes = Buffer.byteLength(value)
    this.u32(bytes)
    const at = this.room(bytes)
    this.buffer.write(value, at, bytes)
  }

  /** Writes a text of one byte per letter without a call into the engine; false, and nothing written, where it is none. */
  private ascii(value: string): boolean {
    const before = this.length
    this.u32(value.length)
    const at = this.room(value.length)
    for (let index = 0; index < value.length; index++) {
      const code = value.charCodeAt(index)
      if (code > 127) {
        this.length = before
        return false
      }
      this.buffer[at + index] = code
    }
    return true
  }

  bytes(value: Uint8Array): void {
    this.u32(value.byteLength)
    const at = this.room(value.byteLength)
    this.buffer.set(value, at)
  }

  floats(values: Float32Array): void {
    this.u32(values.byteLength)
    const at = this.room(values.byteLength)
    for (let index = 0; index < values.length; index++) this.buffer.writeFloatLE(values[index]!, at + 4 * index)
  }

  /** What was written so far: a view, good until something is written again. */
  finish(): Uint8Array {
    return new Uint8Array(this.buffer.buffer, this.buffer.byteOffset, this.length)
  }
}

/** Reads in the order of writing. Throws RangeError past the end. */
export class StateReader {
  private readonly buffer: Buffer
  private at = 0

  constructor(bytes: Uint8Array) {
    this.buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  }

  /** Bytes read so far. */
  get position(): number {
    return this.at
  }

  get atEnd(): boolean {
    return this.at === this.buffer.length
  }

  private take(bytes: number): number {
    const at = this.at
    if (at + bytes > this.buffer.length) throw new RangeError(`state bytes end at ${this.buffer.length}`)
    this.at = at + bytes
    return at
  }

  u8(): number {
    return this.buffer[this.take(1)]!
  }

  u16(): number {
    return this.buffer.readUInt16LE(this.take(2))
  }

  u32(): number {
    return this.buffer.readUInt32LE(this.take(4))
  }

  f32(): number {
    return this.buffer.readFloatLE(this.take(4))
  }

  f64(): number {
    return this.buffer.readDoubleLE(this.take(8))
  }

  text(): string {
    const bytes = this.u32()
    const at = this.take(bytes)
    return this.buffer.toString('utf8', at, at + bytes)
  }

  /** A view of the input. */
  bytes(): Uint8Array {
    const bytes = this.u32()
    const at = this.take(bytes)
    return this.buffer.subarray(at, at + bytes)
  }

  /** A copy. */
  floats(): Float32Array {
    const bytes = this.bytes()
    return new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength) as ArrayBuffer)
  }
}
