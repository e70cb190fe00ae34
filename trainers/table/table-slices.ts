// How a table's ids are divided into slices, by the top bits of their hash, and how many rows each may hold. Eviction and
// expiry look at one slice at a time, which bounds what one call can cost.

import type { TableSpec } from './table.ts'

/** At the limit a slice holds between this many rows and twice as many: removing them all takes a few milliseconds. */
const rowsPerSlice = 8192

export interface TableSlices {
  readonly bits: number
  readonly count: number
  readonly rowsMax: number
  /** Rows that one eviction removes. */
  readonly evicted: number
}

export function slicesOf({ rowsMax }: TableSpec): TableSlices {
  const bits = Math.max(0, Math.floor(Math.log2(rowsMax / rowsPerSlice)))
  const sliceRowsMax = Math.floor(rowsMax / 2 ** bits)
  return { bits, count: 2 ** bits, rowsMax: sliceRowsMax, evicted: Math.max(1, sliceRowsMax >> 4) }
}

/** The slice of an id with this hash. */
export function sliceOf({ bits }: TableSlices, hash: bigint): number {
  return Number(hash >> BigInt(64 - bits))
}
