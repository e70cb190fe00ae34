// Ids as pairs of 32-bit halves, the lower first: to read or copy one as a bigint may allocate it.

/** The view of an array of ids; that of the last array is kept, because callers come with the same one again and again. */
export class IdHalves {
  #ids = new BigUint64Array(0)
  #halves = new Uint32Array(0)

  of(ids: BigUint64Array): Uint32Array {
    if (ids !== this.#ids) {
      this.#halves = halvesOf(ids)
      this.#ids = ids as BigUint64Array<ArrayBuffer>
    }
    return this.#halves
  }
}

export function halvesOf(ids: BigUint64Array): Uint32Array<ArrayBuffer> {
  return new Uint32Array(ids.buffer as ArrayBuffer, ids.byteOffset, ids.length * 2)
}
