// The numbers of a row: initial values, finiteness, copies. Here and in the optimizers' files: IEEE basic operations only
// (no fused or relaxed ones, no library functions), so that the same input gives the same bytes on every machine.

const golden: u32 = 0x9e3779b9
/** Larger gradients are refused with the infinite ones: below it no square, product or sum here can overflow. */
const gradientLimit: f32 = 9223372036854775808.0

/** Uniform in [-scale, scale], from the id and the seed alone (murmur3's 32-bit finalizer over both halves). */
export function writeInitial(id: u64, seed: u32, scale: f32, dimension: u32, out: usize): void {
  if (scale == 0) {
    memory.fill(out, 0, usize(dimension) << 2)
    return
  }
  const low = mixed(u32(id) ^ seed)
  const high = mixed(u32(id >> 32) + low)
  for (let column: u32 = 0; column < dimension; column++) {
    const bits = mixed(high ^ mixed(low + (column + 1) * golden))
    const odd = i32(((bits >> 9) << 1) | 1) - 8388608
    store<f32>(out + (usize(column) << 2), f32(odd) * <f32>1.1920928955078125e-7 * scale)
  }
}

// @ts-ignore: decorator
@inline
function mixed(bits: u32): u32 {
  let x = bits
  x ^= x >> 16
  x *= 0x85ebca6b
  x ^= x >> 13
  x *= 0xc2b2ae35
  return x ^ (x >> 16)
}

/** Whether every gradient is a number below the limit; NaN compares false. */
export function acceptableGradient(at: usize, dimension: u32): bool {
  return allBelow(at, dimension, gradientLimit)
}

export function finiteValues(at: usize, dimension: u32): bool {
  return allBelow(at, dimension, f32.MAX_VALUE)
}

// @ts-ignore: decorator
@inline
function allBelow(at: usize, dimension: u32, limit: f32): bool {
  const limits = f32x4.splat(limit)
  let good = i32x4.splat(-1)
  const end = at + (usize(dimension) << 2)
  while (at + 64 <= end) {
    const first = v128.and(below(at, limits), below(at + 16, limits))
    const second = v128.and(below(at + 32, limits), below(at + 48, limits))
    good = v128.and(good, v128.and(first, second))
    at += 64
  }
  while (at + 16 <= end) {
    good = v128.and(good, below(at, limits))
    at += 16
  }
  let rest = true
  while (at < end) {
    if (!(abs(load<f32>(at)) <= limit)) rest = false
    at += 4
  }
  return rest && i32x4.all_true(good)
}

// @ts-ignore: decorator
@inline
function below(at: usize, limits: v128): v128 {
  return f32x4.le(f32x4.abs(v128.load(at)), limits)
}

// @ts-ignore: decorator
@inline
export function copyFloats(to: usize, from: usize, count: u32): void {
  const end = to + (usize(count) << 2)
  while (to + 64 <= end) {
    v128.store(to, v128.load(from))
    v128.store(to, v128.load(from, 16), 16)
    v128.store(to, v128.load(from, 32), 32)
    v128.store(to, v128.load(from, 48), 48)
    to += 64
    from += 64
  }
  while (to + 16 <= end) {
    v128.store(to, v128.load(from))
    to += 16
    from += 16
  }
  while (to < end) {
    store<f32>(to, load<f32>(from))
    to += 4
    from += 4
  }
}
