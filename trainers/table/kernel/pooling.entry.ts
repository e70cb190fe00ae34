// Mean pooling of embedding rows per slot and its reverse. Addresses in bytes. Sums are float32 in the order of the ids, and
// a mean is one division, so the results do not depend on how many columns are done at once.

/** First address that the kernel does not use itself. */
export function memoryStart(): usize {
  return __heap_base
}

/** `cells` slots, each with `counts` ids of `index`, which follow one another: `out` gets the mean of their rows, or zeros. */
export function pool(cells: u32, dimension: u32, counts: usize, index: usize, rows: usize, out: usize): void {
  const bytes = usize(dimension) << 2
  for (let cell: u32 = 0; cell < cells; cell++, counts += 4, out += bytes) {
    const present = load<u32>(counts)
    if (present == 0) {
      memory.fill(out, 0, bytes)
      continue
    }
    memory.copy(out, rows + usize(load<u32>(index)) * bytes, bytes)
    index += 4
    if (present == 1) continue
    for (let more: u32 = 1; more < present; more++, index += 4) {
      addRow(rows + usize(load<u32>(index)) * bytes, out, dimension)
    }
    divideRow(out, f32(present), dimension, out)
  }
}

/** The reverse: each id's row gets the slot's gradient divided by how many ids the slot has. `share`: room for one row. */
export function unpool(
  cells: u32, dimension: u32, counts: usize, index: usize, gradient: usize, rows: usize, share: usize,
): void {
  const bytes = usize(dimension) << 2
  for (let cell: u32 = 0; cell < cells; cell++, counts += 4, gradient += bytes) {
    const present = load<u32>(counts)
    let from = gradient
    if (present > 1) {
      divideRow(gradient, f32(present), dimension, share)
      from = share
    }
    for (let each: u32 = 0; each < present; each++, index += 4) {
      addRow(from, rows + usize(load<u32>(index)) * bytes, dimension)
    }
  }
}

// @ts-ignore: decorator
@inline
function addRow(from: usize, to: usize, dimension: u32): void {
  const whole = dimension & ~3
  let column: u32 = 0
  for (; column < whole; column += 4, from += 16, to += 16) {
    v128.store(to, f32x4.add(v128.load(to), v128.load(from)))
  }
  for (; column < dimension; column++, from += 4, to += 4) store<f32>(to, load<f32>(to) + load<f32>(from))
}

// @ts-ignore: decorator
@inline
function divideRow(from: usize, by: f32, dimension: u32, to: usize): void {
  const whole = dimension & ~3
  const all = f32x4.splat(by)
  let column: u32 = 0
  for (; column < whole; column += 4, from += 16, to += 16) v128.store(to, f32x4.div(v128.load(from), all))
  for (; column < dimension; column++, from += 4, to += 4) store<f32>(to, load<f32>(from) / by)
}
