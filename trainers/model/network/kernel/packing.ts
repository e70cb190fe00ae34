// Operands of a product in the order in which its tiles read them: the right one as panels of 8 columns, a transposed left one as
// panels of 4 rows, which a left one that is not gets as well.

/** Bytes of a packed panel's row: 8 columns. */
export const panelRow: usize = 32

/** The right operand, rows x columns, as panels of 8 columns one after the other, filled up with zeros. */
export function packRight(from: usize, rowStride: usize, rows: u32, columns: u32, to: usize): void {
  const whole = columns & ~7
  let panel = from
  for (let column: u32 = 0; column < whole; column += 8, panel += panelRow) {
    let at = panel
    for (let row: u32 = 0; row < rows; row++, at += rowStride, to += panelRow) {
      v128.store(to, v128.load(at))
      v128.store(to, v128.load(at, 16), 16)
    }
  }
  const rest = columns - whole
  if (rest == 0) return
  for (let row: u32 = 0; row < rows; row++, panel += rowStride, to += panelRow) {
    for (let column: u32 = 0; column < 8; column++) {
      const value = column < rest ? load<f32>(panel + (usize(column) << 2)) : 0
      store<f32>(to + (usize(column) << 2), value)
    }
  }
}

/** The same from a matrix that holds the right operand transposed, columns x rows. */
export function packRightTransposed(from: usize, rowStride: usize, rows: u32, columns: u32, to: usize): void {
  const whole = columns & ~3
  const panelBytes = usize(rows) * panelRow
  if ((columns & 7) != 0) memory.fill(to + usize(columns >> 3) * panelBytes, 0, panelBytes)
  for (let column: u32 = 0; column < whole; column += 4) {
    const target = to + usize(column >> 3) * panelBytes + (usize(column & 4) << 2)
    const first = from + usize(column) * rowStride
    const second = first + rowStride
    const third = second + rowStride
    transposeFour(first, second, third, third + rowStride, rows, target, panelRow)
  }
  for (let column = whole; column < columns; column++) {
    let at = from + usize(column) * rowStride
    let target = to + usize(column >> 3) * panelBytes + (usize(column & 7) << 2)
    for (let row: u32 = 0; row < rows; row++, at += 4, target += panelRow) store<f32>(target, load<f32>(at))
  }
}

/** `count` numbers of each of four rows become columns: four numbers side by side, `step` bytes from one to the next. */
function transposeFour(
  first: usize, second: usize, third: usize, fourth: usize, count: u32, to: usize, step: usize,
): void {
  let index: u32 = 0
  for (; index + 4 <= count; index += 4) {
    const a = v128.load(first)
    const b = v128.load(second)
    const c = v128.load(third)
    const d = v128.load(fourth)
    const lowAb = v128.shuffle<f32>(a, b, 0, 4, 1, 5)
    const highAb = v128.shuffle<f32>(a, b, 2, 6, 3, 7)
    const lowCd = v128.shuffle<f32>(c, d, 0, 4, 1, 5)
    const highCd = v128.shuffle<f32>(c, d, 2, 6, 3, 7)
    v128.store(to, v128.shuffle<f64>(lowAb, lowCd, 0, 2))
    v128.store(to + step, v128.shuffle<f64>(lowAb, lowCd, 1, 3))
    v128.store(to + 2 * step, v128.shuffle<f64>(highAb, highCd, 0, 2))
    v128.store(to + 3 * step, v128.shuffle<f64>(highAb, highCd, 1, 3))
    first += 16
    second += 16
    third += 16
    fourth += 16
    to += 4 * step
  }
  for (; index < count; index++, first += 4, second += 4, third += 4, fourth += 4, to += step) {
    store<f32>(to, load<f32>(first))
    store<f32>(to, load<f32>(second), 4)
    store<f32>(to, load<f32>(third), 8)
    store<f32>(to, load<f32>(fourth), 12)
  }
}

/** A left operand that is held transposed (depth x rows) as panels of 4 rows one after the other, filled up with zeros. */
export function packLeft(from: usize, rowStride: usize, depth: u32, rows: u32, to: usize): void {
  const whole = rows & ~3
  for (let row: u32 = 0; row < whole; row += 4) {
    let at = from + (usize(row) << 2)
    for (let index: u32 = 0; index < depth; index++, at += rowStride, to += 16) v128.store(to, v128.load(at))
  }
  const rest = rows - whole
  if (rest == 0) return
  let at = from + (usize(whole) << 2)
  for (let index: u32 = 0; index < depth; index++, at += rowStride, to += 16) {
    for (let row: u32 = 0; row < 4; row++) {
      store<f32>(to + (usize(row) << 2), row < rest ? load<f32>(at + (usize(row) << 2)) : 0)
    }
  }
}

/** A left operand, rows x depth, in the same panels of 4 rows. Where rows are missing in the last, it repeats the last one. */
export function packRows(from: usize, rowStride: usize, rows: u32, depth: u32, to: usize): void {
  const panelBytes = usize(depth) << 4
  for (let row: u32 = 0; row < rows; row += 4, to += panelBytes) {
    const first = from + usize(row) * rowStride
    const second = row + 1 < rows ? first + rowStride : first
    const third = row + 2 < rows ? second + rowStride : second
    const fourth = row + 3 < rows ? third + rowStride : third
    transposeFour(first, second, third, fourth, depth, to, 16)
  }
}
