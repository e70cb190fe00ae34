// Counts ids that have no row yet, in fixed memory: buckets of 16 cells of (tag, count), the last seen first. A new tag
// pushes the one longest unseen out of its bucket, so old counts age out and the same calls always leave the same cells.

import type { AdmissionSpec } from './table.ts'

const cellsPerBucket = 16
const countMax = 0xffff

/** Cells that a table with this admission has: a power of two, 0 without one. */
export function admissionCellsOf(admission: AdmissionSpec | null | undefined): number {
  if (!admission || admission.occurrences <= 1) return 0
  return 2 ** Math.ceil(Math.log2(Math.max(cellsPerBucket, admission.counters)))
}

/** Tags have 16 bits: two ids of one bucket are taken for one in about 1 of 4,096 cases, and then admitted too early. */
export class AdmissionFilter {
  readonly #occurrences: number
  /** Tag in the low half, 0 where empty; count in the high half. */
  readonly cells: Uint32Array

  constructor(admission: AdmissionSpec | null | undefined) {
    this.#occurrences = admission?.occurrences ?? 1
    this.cells = new Uint32Array(admissionCellsOf(admission))
  }

  /** Whether the id with this hash has now been seen often enough; it is forgotten then. */
  admits(hash: bigint, occurrences: number): boolean {
    if (this.cells.length === 0) return true
    const tag = Number(hash & 0xffffn) || 1
    const bucket = Number((hash >> 16n) & BigInt(this.cells.length / cellsPerBucket - 1))
    const cells = this.cells.subarray(bucket * cellsPerBucket, (bucket + 1) * cellsPerBucket)
    const place = cells.findIndex((cell) => (cell & 0xffff) === tag)
    const before = place < 0 ? 0 : cells[place]! >>> 16
    const count = Math.min(before + occurrences, countMax)
    if (count >= this.#occurrences) {
      if (place < 0) return true
      cells.copyWithin(place, place + 1)
      cells[cellsPerBucket - 1] = 0
      return true
    }
    cells.copyWithin(1, 0, place < 0 ? cellsPerBucket - 1 : place)
    cells[0] = ((count << 16) | tag) >>> 0
    return false
  }
}
