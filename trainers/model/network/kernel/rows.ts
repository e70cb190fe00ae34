// Row by row: softmax, unit length, and the in-batch softmax of retrieval. Rows lie a stride of bytes apart; reads of four
// may run past a row's end (into memory that is there), writes never do. Results are contiguous.

import { exponential } from './exponential'

/** Below this squared length a vector has no direction to speak of; keeps the division finite. */
const squaredLengthMin: f32 = 1e-12

/** All ones in the first `count` lanes. */
// @ts-ignore: decorator
@inline
function firstLanes(count: u32): v128 {
  return i32x4.lt_s(i32x4(0, 1, 2, 3), i32x4.splat(i32(count)))
}

// @ts-ignore: decorator
@inline
function storeFirst(out: usize, values: v128, count: u32): void {
  if (count >= 4) {
    v128.store(out, values)
    return
  }
  store<f32>(out, f32x4.extract_lane(values, 0))
  if (count > 1) store<f32>(out, f32x4.extract_lane(values, 1), 4)
  if (count > 2) store<f32>(out, f32x4.extract_lane(values, 2), 8)
}

// @ts-ignore: decorator
@inline
function sumLanes(values: v128): f32 {
  const even = f32x4.extract_lane(values, 0) + f32x4.extract_lane(values, 2)
  return even + (f32x4.extract_lane(values, 1) + f32x4.extract_lane(values, 3))
}

// @ts-ignore: decorator
@inline
function largestLane(values: v128): f32 {
  const even = max(f32x4.extract_lane(values, 0), f32x4.extract_lane(values, 2))
  return max(even, max(f32x4.extract_lane(values, 1), f32x4.extract_lane(values, 3)))
}

/** Sum of left * right. */
export function dot(left: usize, right: usize, columns: u32): f32 {
  let sum = f32x4.splat(0)
  const whole = columns & ~3
  for (let column: u32 = 0; column < whole; column += 4, left += 16, right += 16) {
    sum = f32x4.add(sum, f32x4.mul(v128.load(left), v128.load(right)))
  }
  if (whole < columns) {
    const last = v128.and(f32x4.mul(v128.load(left), v128.load(right)), firstLanes(columns - whole))
    sum = f32x4.add(sum, last)
  }
  return sumLanes(sum)
}

/** Each row's e^x over their sum. */
export function softmaxRows(from: usize, stride: usize, rows: u32, columns: u32, out: usize): void {
  for (let row: u32 = 0; row < rows; row++, from += stride, out += usize(columns) << 2) {
    let largest: f32 = -f32.MAX_VALUE
    for (let column: u32 = 0; column < columns; column++) largest = max(largest, load<f32>(from + (usize(column) << 2)))
    let total = f32x4.splat(0)
    for (let column: u32 = 0; column < columns; column += 4) {
      const at = usize(column) << 2
      const power = exponential(f32x4.sub(v128.load(from + at), f32x4.splat(largest)))
      total = f32x4.add(total, v128.and(power, firstLanes(columns - column)))
      storeFirst(out + at, power, columns - column)
    }
    scaleRow(out, columns, 1 / sumLanes(total), out)
  }
}

/** Gradient at the softmax's inputs: output * (gradient - <output, gradient>). */
export function softmaxGradient(
  output: usize, outputStride: usize, gradient: usize, gradientStride: usize, rows: u32, columns: u32, out: usize,
): void {
  for (let row: u32 = 0; row < rows; row++, output += outputStride, gradient += gradientStride) {
    const along = f32x4.splat(dot(output, gradient, columns))
    for (let column: u32 = 0; column < columns; column += 4) {
      const at = usize(column) << 2
      const apart = f32x4.sub(v128.load(gradient + at), along)
      storeFirst(out + at, f32x4.mul(v128.load(output + at), apart), columns - column)
    }
    out += usize(columns) << 2
  }
}

/** Rows divided by their lengths; `lengths`: one per row. */
export function unitRows(from: usize, stride: usize, rows: u32, columns: u32, out: usize, lengths: usize): void {
  for (let row: u32 = 0; row < rows; row++, from += stride, lengths += 4, out += usize(columns) << 2) {
    const length = sqrt<f32>(dot(from, from, columns) + squaredLengthMin)
    store<f32>(lengths, length)
    scaleRow(from, columns, 1 / length, out)
  }
}

/** Gradient at the inputs of `unitRows`: what of it is across the unit vector, divided by the length. */
export function unitGradient(
  vectors: usize, vectorStride: usize, lengths: usize, gradient: usize, gradientStride: usize, rows: u32, columns: u32,
  out: usize,
): void {
  for (let row: u32 = 0; row < rows; row++, vectors += vectorStride, gradient += gradientStride, lengths += 4) {
    const along = f32x4.splat(dot(vectors, gradient, columns))
    const scale = f32x4.splat(1 / load<f32>(lengths))
    for (let column: u32 = 0; column < columns; column += 4) {
      const at = usize(column) << 2
      const across = f32x4.sub(v128.load(gradient + at), f32x4.mul(v128.load(vectors + at), along))
      storeFirst(out + at, f32x4.mul(across, scale), columns - column)
    }
    out += usize(columns) << 2
  }
}

function scaleRow(from: usize, columns: u32, factor: f32, out: usize): void {
  const factors = f32x4.splat(factor)
  for (let column: u32 = 0; column < columns; column += 4) {
    const at = usize(column) << 2
    storeFirst(out + at, f32x4.mul(v128.load(from + at), factors), columns - column)
  }
}

/**
 * Gradient of the in-batch softmax at the similarities (size x size, query by entry): each row with a weight picks its own
 * entry. `biases` are subtracted from the logits, `similarities * sharpness`; an entry elsewhere with the row's own group
 * number is none. One number per entry each: weights, biases, groups.
 */
export function inBatchSoftmax(
  similarities: usize, stride: usize, size: u32, sharpness: f32, weights: usize, biases: usize, groups: usize, out: usize,
): void {
  const sharp = f32x4.splat(sharpness)
  for (let row: u32 = 0; row < size; row++, similarities += stride, out += usize(size) << 2) {
    const weight = load<f32>(weights + (usize(row) << 2))
    if (weight == 0) {
      memory.fill(out, 0, usize(size) << 2)
      continue
    }
    const group = f32x4.splat(load<f32>(groups + (usize(row) << 2)))
    let largest = f32x4.splat(-f32.MAX_VALUE)
    for (let column: u32 = 0; column < size; column += 4) {
      const counts = counted(groups, group, row, column, size)
      const logit = logitsOf(similarities, biases, sharp, column)
      largest = f32x4.max(largest, v128.bitselect(logit, largest, counts))
    }
    const highest = f32x4.splat(largestLane(largest))
    let total = f32x4.splat(0)
    for (let column: u32 = 0; column < size; column += 4) {
      const counts = counted(groups, group, row, column, size)
      const power = exponential(f32x4.sub(logitsOf(similarities, biases, sharp, column), highest))
      const share = v128.and(power, counts)
      total = f32x4.add(total, share)
      storeFirst(out + (usize(column) << 2), share, size - column)
    }
    const scale = weight * sharpness
    scaleRow(out, size, scale / sumLanes(total), out)
    const own = out + (usize(row) << 2)
    store<f32>(own, load<f32>(own) - scale)
  }
}

// @ts-ignore: decorator
@inline
function logitsOf(similarities: usize, biases: usize, sharp: v128, column: u32): v128 {
  const at = usize(column) << 2
  return f32x4.sub(f32x4.mul(v128.load(similarities + at), sharp), v128.load(biases + at))
}

/** Which of four entries take part: all in the batch but those of the row's group, save the row's own. */
// @ts-ignore: decorator
@inline
function counted(groups: usize, group: v128, row: u32, column: u32, size: u32): v128 {
  const other = f32x4.ne(v128.load(groups + (usize(column) << 2)), group)
  const own = i32x4.eq(i32x4(0, 1, 2, 3), i32x4.splat(i32(row) - i32(column)))
  return v128.and(v128.or(other, own), firstLanes(size - column))
}
