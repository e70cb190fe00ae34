// Element by element over matrices whose rows lie a stride of bytes apart (0 repeats one row); results are contiguous
// unless they say otherwise.

/** out = left + right. */
export function addMatrices(
  left: usize, leftStride: usize, right: usize, rightStride: usize, rows: u32, columns: u32, out: usize,
): void {
  for (let row: u32 = 0; row < rows; row++, left += leftStride, right += rightStride) {
    out = addRow(left, right, columns, out)
  }
}

/** to += from, in place. */
export function accumulate(from: usize, fromStride: usize, rows: u32, columns: u32, to: usize, toStride: usize): void {
  for (let row: u32 = 0; row < rows; row++, from += fromStride, to += toStride) addRow(to, from, columns, to)
}

// @ts-ignore: decorator
@inline
function addRow(left: usize, right: usize, columns: u32, out: usize): usize {
  const end = out + (usize(columns) << 2)
  while (out + 16 <= end) {
    v128.store(out, f32x4.add(v128.load(left), v128.load(right)))
    left += 16
    right += 16
    out += 16
  }
  while (out < end) {
    store<f32>(out, load<f32>(left) + load<f32>(right))
    left += 4
    right += 4
    out += 4
  }
  return out
}

/** out = left * right, element by element. */
export function multiplyElements(
  left: usize, leftStride: usize, right: usize, rightStride: usize, rows: u32, columns: u32, out: usize,
): void {
  for (let row: u32 = 0; row < rows; row++, left += leftStride, right += rightStride) {
    const end = out + (usize(columns) << 2)
    let a = left
    let b = right
    while (out + 16 <= end) {
      v128.store(out, f32x4.mul(v128.load(a), v128.load(b)))
      a += 16
      b += 16
      out += 16
    }
    while (out < end) {
      store<f32>(out, load<f32>(a) * load<f32>(b))
      a += 4
      b += 4
      out += 4
    }
  }
}

/** out = gradient where output > 0, else 0, in the first `rectified` columns; gradient in the rest. */
export function throughRelu(
  gradient: usize, gradientStride: usize, output: usize, outputStride: usize, rows: u32, columns: u32, rectified: u32,
  out: usize,
): void {
  for (let row: u32 = 0; row < rows; row++, gradient += gradientStride, output += outputStride) {
    let column: u32 = 0
    for (; column + 4 <= rectified; column += 4, out += 16) {
      const at = usize(column) << 2
      const active = f32x4.gt(v128.load(output + at), f32x4.splat(0))
      v128.store(out, v128.and(v128.load(gradient + at), active))
    }
    for (; column < columns; column++, out += 4) {
      const at = usize(column) << 2
      const passes = column >= rectified || load<f32>(output + at) > 0
      store<f32>(out, passes ? load<f32>(gradient + at) : 0)
    }
  }
}

/** Rows to wherever they belong, a stride apart on both sides. */
export function copyRows(from: usize, fromStride: usize, rows: u32, columns: u32, to: usize, toStride: usize): void {
  const bytes = usize(columns) << 2
  for (let row: u32 = 0; row < rows; row++, from += fromStride, to += toStride) memory.copy(to, from, bytes)
}

/** out[column] = sum over the rows, in their order. */
export function sumColumns(from: usize, stride: usize, rows: u32, columns: u32, out: usize): void {
  memory.fill(out, 0, usize(columns) << 2)
  for (let row: u32 = 0; row < rows; row++, from += stride) addRow(out, from, columns, out)
}
