// Copies of bytes that live about equally long, many in one piece of memory and each aligned to 8 bytes: a piece of its own
// for each would cost the collector more than the bytes do. A slab is freed when nothing in it is referred to any more.

export class ByteSlabs {
  private readonly slabBytes: number
  private slab = Buffer.alloc(0)
  private used = 0

  constructor(slabBytes: number) {
    this.slabBytes = slabBytes
  }

  /** A copy of `bytes`. */
  copy(bytes: Uint8Array): Buffer {
    const own = this.take(bytes.byteLength)
    own.set(bytes)
    return own
  }

  /** So many bytes to be written; what they hold is of before. */
  take(length: number): Buffer {
    if (this.used + length > this.slab.length) {
      // Large ones leave the rest of the slab to others.
      if (length > this.slabBytes / 8) return Buffer.allocUnsafeSlow(length)
      this.slab = Buffer.allocUnsafeSlow(this.slabBytes)
      this.used = 0
    }
    const start = this.used
    this.used = (start + length + 7) & ~7
    return this.slab.subarray(start, start + length)
  }
}

/** What goes into records and comes out of them, and is soon done with. */
export const shortLived = new ByteSlabs(256 * 1_024)

/** The bytes themselves where they start at a multiple of `alignment`, at most 8; else a copy that does. */
export function alignedTo(alignment: number, bytes: Uint8Array): Uint8Array {
  return bytes.byteOffset % alignment === 0 ? bytes : shortLived.copy(bytes)
}

/** A copy of a few numbers: to look at the bytes of a small array, the engine would first have to move it. */
export function bytesOfFew(values: Float32Array): Uint8Array {
  fewFloats.set(values)
  return shortLived.copy(fewBytes.subarray(0, values.length * 4))
}

export const fewMax = 64
const fewFloats = new Float32Array(fewMax)
const fewBytes = new Uint8Array(fewFloats.buffer)
