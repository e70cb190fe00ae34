// Matrices whose columns are groups of equal width: sums, dots and weighted sums of the groups of each row. A row of slots, of
// a history or of experts is one. Rows lie a stride of bytes apart (0 repeats one row); results are contiguous.

import { dot } from './rows'

/** Adds a row's groups into sums and squares, rows x width each, whose rows are contiguous; overwrites where `fresh`. */
export function addGroups(
  from: usize, stride: usize, rows: u32, groups: u32, width: u32, sums: usize, squares: usize, fresh: bool,
): void {
  const bytes = usize(width) << 2
  for (let row: u32 = 0; row < rows; row++, from += stride, sums += bytes, squares += bytes) {
    for (let column: usize = 0; column < bytes; ) {
      if (column + 16 <= bytes) {
        let sum = fresh ? f32x4.splat(0) : v128.load(sums + column)
        let square = fresh ? f32x4.splat(0) : v128.load(squares + column)
        let at = from + column
        for (let group: u32 = 0; group < groups; group++, at += bytes) {
          const value = v128.load(at)
          sum = f32x4.add(sum, value)
          square = f32x4.add(square, f32x4.mul(value, value))
        }
        v128.store(sums + column, sum)
        v128.store(squares + column, square)
        column += 16
      } else {
        let sum: f32 = fresh ? 0 : load<f32>(sums + column)
        let square: f32 = fresh ? 0 : load<f32>(squares + column)
        let at = from + column
        for (let group: u32 = 0; group < groups; group++, at += bytes) {
          const value = load<f32>(at)
          sum += value
          square += value * value
        }
        store<f32>(sums + column, sum)
        store<f32>(squares + column, square)
        column += 4
      }
    }
  }
}

/** out = (sums^2 - squares) / 2, of `count` numbers. */
export function pairTerm(sums: usize, squares: usize, count: u32, out: usize): void {
  for (let index: u32 = 0; index < count; index++, sums += 4, squares += 4, out += 4) {
    const sum = load<f32>(sums)
    store<f32>(out, (sum * sum - load<f32>(squares)) * 0.5)
  }
}

/** Gradient of the pair term at the groups: above * (sums - value). `above` and `sums`: rows x width. */
export function pairGradient(
  from: usize, stride: usize, above: usize, aboveStride: usize, sums: usize, rows: u32, groups: u32, width: u32,
  out: usize,
): void {
  const bytes = usize(width) << 2
  for (let row: u32 = 0; row < rows; row++, from += stride, above += aboveStride, sums += bytes) {
    let at = from
    for (let group: u32 = 0; group < groups; group++) {
      let column: usize = 0
      for (; column + 16 <= bytes; column += 16) {
        const others = f32x4.sub(v128.load(sums + column), v128.load(at + column))
        v128.store(out + column, f32x4.mul(v128.load(above + column), others))
      }
      for (; column < bytes; column += 4) {
        store<f32>(out + column, load<f32>(above + column) * (load<f32>(sums + column) - load<f32>(at + column)))
      }
      at += bytes
      out += bytes
    }
  }
}

/** out (rows x groups) = the dot of each group with the row's vector. */
export function groupDots(
  values: usize, stride: usize, vectors: usize, vectorStride: usize, rows: u32, groups: u32, width: u32, out: usize,
): void {
  for (let row: u32 = 0; row < rows; row++, values += stride, vectors += vectorStride) {
    let at = values
    for (let group: u32 = 0; group < groups; group++, at += usize(width) << 2, out += 4) {
      store<f32>(out, dot(at, vectors, width))
    }
  }
}

/** out (rows x width) = the sum of each row's groups, each times its weight (rows x groups). */
export function groupSums(
  weights: usize, weightStride: usize, values: usize, stride: usize, rows: u32, groups: u32, width: u32, out: usize,
): void {
  const bytes = usize(width) << 2
  for (let row: u32 = 0; row < rows; row++, values += stride, weights += weightStride, out += bytes) {
    let column: usize = 0
    for (; column + 16 <= bytes; column += 16) {
      let sum = f32x4.splat(0)
      let at = values + column
      for (let group: u32 = 0; group < groups; group++, at += bytes) {
        sum = f32x4.add(sum, f32x4.mul(v128.load_splat<f32>(weights + (usize(group) << 2)), v128.load(at)))
      }
      v128.store(out + column, sum)
    }
    for (; column < bytes; column += 4) {
      let sum: f32 = 0
      let at = values + column
      for (let group: u32 = 0; group < groups; group++, at += bytes) {
        sum += load<f32>(weights + (usize(group) << 2)) * load<f32>(at)
      }
      store<f32>(out + column, sum)
    }
  }
}

/** out (rows x groups * width) = the row's vector, once per group, times the group's weight. */
export function groupProducts(
  weights: usize, weightStride: usize, vectors: usize, vectorStride: usize, rows: u32, groups: u32, width: u32,
  out: usize,
): void {
  const bytes = usize(width) << 2
  for (let row: u32 = 0; row < rows; row++, vectors += vectorStride, weights += weightStride) {
    for (let group: u32 = 0; group < groups; group++, out += bytes) {
      const weight = load<f32>(weights + (usize(group) << 2))
      let column: usize = 0
      for (; column + 16 <= bytes; column += 16) {
        v128.store(out + column, f32x4.mul(f32x4.splat(weight), v128.load(vectors + column)))
      }
      for (; column < bytes; column += 4) store<f32>(out + column, weight * load<f32>(vectors + column))
    }
  }
}
