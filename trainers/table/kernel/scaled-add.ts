// Plain descent and sums: one multiplication and one addition per value.

/** value = value * keep + g * rate: descent with rate below zero, a sum with both one, a decayed sum with keep below one. */
// @ts-ignore: decorator
@inline
export function scaledAdd(values: usize, gradient: usize, dimension: u32, keep: f32, rate: f32): void {
  const end = values + (usize(dimension) << 2)
  const keeps = f32x4.splat(keep)
  const rates = f32x4.splat(rate)
  while (values + 16 <= end) {
    const held = f32x4.mul(v128.load(values), keeps)
    v128.store(values, f32x4.add(held, f32x4.mul(v128.load(gradient), rates)))
    values += 16
    gradient += 16
  }
  while (values < end) {
    store<f32>(values, load<f32>(values) * keep + load<f32>(gradient) * rate)
    values += 4
    gradient += 4
  }
}

/** 2^-x for x >= 0, relative error below 1e-15: the whole part through the exponent bits, the rest by its Taylor series. */
export function halved(x: f64): f64 {
  if (x >= 1022) return 0
  const whole = floor(x + 0.5)
  const y = (whole - x) * 0.6931471805599453
  let sum: f64 = 1
  for (let k: f64 = 13; k >= 1; k -= 1) sum = 1 + (sum * y) / k
  return sum * reinterpret<f64>(u64(1023 - i64(whole)) << 52)
}
