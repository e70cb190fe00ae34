// Ids that left a table by themselves, until somebody asks for them: none is lost, each is told once.

export class RemovedIds {
  #ids = new BigUint64Array(0)
  #count = 0

  append(ids: BigUint64Array): void {
    if (this.#count + ids.length > this.#ids.length) this.#grow(ids.length)
    this.#ids.set(ids, this.#count)
    this.#count += ids.length
  }

  /** Distinct, ascending; there are none after. */
  drain(): BigUint64Array {
    const ids = distinct(this.#ids.subarray(0, this.#count))
    this.clear()
    return ids
  }

  clear(): void {
    this.#ids = new BigUint64Array(0)
    this.#count = 0
  }

  #grow(by: number): void {
    const kept = distinct(this.#ids.subarray(0, this.#count))
    this.#ids = new BigUint64Array(Math.max(1024, 2 * (kept.length + by)))
    this.#ids.set(kept)
    this.#count = kept.length
  }
}

function distinct(ids: BigUint64Array): BigUint64Array {
  const sorted = ids.slice().sort()
  let count = 0
  for (let index = 0; index < sorted.length; index++) {
    if (index > 0 && sorted[index] === sorted[count - 1]) continue
    sorted[count++] = sorted[index]!
  }
  return sorted.slice(0, count)
}
