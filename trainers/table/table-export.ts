// Reads a kernel's rows in the order of a dump, part by part. Segments stand in the order of their ids' hashes, so only one
// at a time has to be sorted.

import { blockViews, rowsPerBlock } from './table-dump.ts'
import { batchMax, idsMax, type KernelViews, type TableKernel } from './table-kernel.ts'

/** Most that a part of a dump holds, unless a single block of rows is larger. */
export const partBytes = 2 ** 20

/** The blocks of a dump of all `rows`. Nothing may be written to the kernel before the last one. */
export function* exportedRows(
  kernel: TableKernel,
  views: KernelViews,
  rows: number,
  rowColumns: number,
): Generator<Uint8Array> {
  const rowBytes = 16 + rowColumns * 4
  const partRows = Math.max(1, Math.floor(partBytes / (rowBytes * rowsPerBlock))) * rowsPerBlock
  const hashes = new BigUint64Array(partRows + idsMax)
  let held = 0
  let segment = 0
  for (let left = rows; left > 0; ) {
    const count = Math.min(partRows, left)
    while (held < count) {
      const size = kernel.collectHashes(segment)
      hashes.set(views.ids.subarray(0, size).sort(), held)
      held += size
      segment = kernel.nextSegment(segment)
    }
    yield exported(kernel, views, hashes.subarray(0, count), rowColumns)
    hashes.copyWithin(0, count, held)
    held -= count
    left -= count
  }
}

/** Whole blocks of rows, but for the last of all. */
function exported(kernel: TableKernel, views: KernelViews, hashes: BigUint64Array, rowColumns: number): Uint8Array {
  const rowBytes = 16 + rowColumns * 4
  const bytes = new Uint8Array(hashes.length * rowBytes)
  for (let start = 0; start < hashes.length; start += rowsPerBlock) {
    const size = Math.min(rowsPerBlock, batchMax, hashes.length - start)
    views.ids.set(hashes.subarray(start, start + size))
    kernel.exportRows(size)
    const block = blockViews(bytes.buffer, start * rowBytes, size, rowColumns)
    block.ids.set(views.ids.subarray(0, size))
    block.eventTimesMs.set(views.times.subarray(0, size))
    block.rows.set(views.floats.subarray(0, size * rowColumns))
  }
  return bytes
}
