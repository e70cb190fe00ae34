// Products of matrices: tiles of 4 rows by 8 columns kept in registers, the right operand packed into panels of 8 columns.
// Every element is one sum in ascending order of the contracted index, begun with its bias, so that its bytes depend on
// nothing but its own row and column: not on the size of the batch, not on where a tile ends. A product is added without being
// rounded first (a fused multiply-add) where the processor can, as all of the last ten years do.

import { packRows, panelRow } from './packing'

/** What is added to a product and where it goes. */
let bias: usize = 0
let plus: usize = 0
let plusStride: usize = 0
/** So many columns from the first go through a ReLU. */
let rectified: u32 = 0
let outStride: usize = 0
/** Where a tile at an edge is put before its valid part is copied. */
let edge: usize = 0

/** For the next `multiply`: addresses of a row of biases and of a matrix to add, 0 for none; ReLU of the first columns. */
export function addTo(biasAt: usize, plusAt: usize, plusRowStride: usize, rectifiedColumns: u32): void {
  bias = biasAt
  plus = plusAt
  plusStride = plusRowStride
  rectified = rectifiedColumns
}

/** Rows that are packed, and gone through for each panel: 64 rows of 512 columns are 128 KiB, which a second-level cache holds. */
const rowsAtOnce: u32 = 64
/** Bytes at the beginning of the scratch memory: a row of a tile. */
const edgeBytes: usize = 32

/**
 * out = left * right, rows x columns, `right` packed by panels. `left` is rows x depth with `leftStride` bytes from row to
 * row, or, where that is 0, packed by `packLeft`. `scratch`: 32 bytes, and where it is not packed 64 x depth floats more.
 */
export function multiply(
  left: usize, leftStride: usize, right: usize, rows: u32, depth: u32, columns: u32, out: usize, stride: usize,
  scratch: usize,
): void {
  outStride = stride
  edge = scratch
  const strips = scratch + edgeBytes
  const panelBytes = usize(depth) * panelRow
  for (let start: u32 = 0; start < rows; start += rowsAtOnce) {
    const end = min(start + rowsAtOnce, rows)
    let strip = left + (usize(start) * usize(depth) << 2)
    if (leftStride != 0) {
      strip = strips
      packRows(left + usize(start) * leftStride, leftStride, end - start, depth, strip)
    }
    let panel = right
    for (let column: u32 = 0; column < columns; column += 8, panel += panelBytes) {
      const width = min(columns - column, 8)
      for (let row = start; row < end; row += 4) {
        const height = min(end - row, 4)
        const target = out + usize(row) * stride + (usize(column) << 2)
        tile(strip + (usize(row - start) * usize(depth) << 2), height, panel, depth, target, row, column, width)
      }
    }
  }
}

function tile(
  left: usize, height: u32, panel: usize, depth: u32, target: usize, row: u32, column: u32, width: u32,
): void {
  const begin = bias == 0 ? 0 : bias + (usize(column) << 2)
  let a0 = begin == 0 ? f32x4.splat(0) : v128.load(begin)
  let a1 = begin == 0 ? f32x4.splat(0) : v128.load(begin, 16)
  let b0 = a0
  let b1 = a1
  let c0 = a0
  let c1 = a1
  let d0 = a0
  let d1 = a1
  const end = panel + usize(depth) * panelRow
  while (panel < end) {
    const r0 = v128.load(panel)
    const r1 = v128.load(panel, 16)
    let l = v128.load_splat<f32>(left)
    a0 = f32x4.relaxed_madd(l, r0, a0)
    a1 = f32x4.relaxed_madd(l, r1, a1)
    l = v128.load_splat<f32>(left, 4)
    b0 = f32x4.relaxed_madd(l, r0, b0)
    b1 = f32x4.relaxed_madd(l, r1, b1)
    l = v128.load_splat<f32>(left, 8)
    c0 = f32x4.relaxed_madd(l, r0, c0)
    c1 = f32x4.relaxed_madd(l, r1, c1)
    l = v128.load_splat<f32>(left, 12)
    d0 = f32x4.relaxed_madd(l, r0, d0)
    d1 = f32x4.relaxed_madd(l, r1, d1)
    left += 16
    panel += panelRow
  }
  finish(a0, a1, target, row, column, width)
  if (height > 1) finish(b0, b1, target + outStride, row + 1, column, width)
  if (height > 2) finish(c0, c1, target + 2 * outStride, row + 2, column, width)
  if (height > 3) finish(d0, d1, target + 3 * outStride, row + 3, column, width)
}

/** One row of a tile on its way out. Reads of `plus` may run past its columns: nothing comes of them. */
// @ts-ignore: decorator
@inline
function finish(low: v128, high: v128, target: usize, row: u32, column: u32, width: u32): void {
  if (plus != 0) {
    const at = plus + usize(row) * plusStride + (usize(column) << 2)
    low = f32x4.add(low, v128.load(at))
    high = f32x4.add(high, v128.load(at, 16))
  }
  if (column < rectified) {
    low = rectify(low, i32(rectified - column))
    high = rectify(high, i32(rectified - column) - 4)
  }
  if (width == 8) {
    v128.store(target, low)
    v128.store(target, high, 16)
    return
  }
  v128.store(edge, low)
  v128.store(edge, high, 16)
  memory.copy(target, edge, usize(width) << 2)
}

/** max(x, 0) in the first `count` lanes. */
// @ts-ignore: decorator
@inline
function rectify(values: v128, count: i32): v128 {
  const inside = i32x4.lt_s(i32x4(0, 1, 2, 3), i32x4.splat(count))
  return v128.bitselect(f32x4.max(values, f32x4.splat(0)), values, inside)
}
