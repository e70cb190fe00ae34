// Steps of dense tensors.

/** Keeps the division finite. */
const epsilon: f32 = 1e-10

/** Whether every number is finite; NaN compares false. */
export function allFinite(at: usize, count: u32): bool {
  const limits = f32x4.splat(f32.MAX_VALUE)
  let good = i32x4.splat(-1)
  const end = at + (usize(count) << 2)
  for (; at + 16 <= end; at += 16) good = v128.and(good, f32x4.le(f32x4.abs(v128.load(at)), limits))
  let rest = true
  for (; at < end; at += 4) if (!(abs(load<f32>(at)) <= f32.MAX_VALUE)) rest = false
  return rest && i32x4.all_true(good)
}

/** One AdaGrad step (Duchi et al. 2011, per element): sums += g^2, values -= rate * g / (sqrt(sums) + epsilon). */
export function adagrad(values: usize, sums: usize, gradient: usize, count: u32, rate: f32): void {
  const rates = f32x4.splat(rate)
  const epsilons = f32x4.splat(epsilon)
  const end = values + (usize(count) << 2)
  for (; values + 16 <= end; values += 16, sums += 16, gradient += 16) {
    const g = v128.load(gradient)
    const sum = f32x4.add(v128.load(sums), f32x4.mul(g, g))
    v128.store(sums, sum)
    const step = f32x4.div(f32x4.mul(rates, g), f32x4.add(f32x4.sqrt(sum), epsilons))
    v128.store(values, f32x4.sub(v128.load(values), step))
  }
  for (; values < end; values += 4, sums += 4, gradient += 4) {
    const g = load<f32>(gradient)
    const sum = load<f32>(sums) + g * g
    store<f32>(sums, sum)
    store<f32>(values, load<f32>(values) - (rate * g) / (sqrt<f32>(sum) + epsilon))
  }
}
