// AdaGrad (Duchi et al. 2011), per value.

/** sum += g^2 (held at the largest float), value -= rate * g / (sqrt(sum) + epsilon); the sums follow the values. */
// @ts-ignore: decorator
@inline
export function adagrad(values: usize, gradient: usize, dimension: u32, rate: f32, epsilon: f32): void {
  const bytes = usize(dimension) << 2
  const end = values + bytes
  const rates = f32x4.splat(rate)
  const epsilons = f32x4.splat(epsilon)
  const largest = f32x4.splat(f32.MAX_VALUE)
  while (values + 16 <= end) {
    const g = v128.load(gradient)
    const sum = f32x4.pmin(f32x4.add(v128.load(values + bytes), f32x4.mul(g, g)), largest)
    v128.store(values + bytes, sum)
    const move = f32x4.div(f32x4.mul(rates, g), f32x4.add(f32x4.sqrt(sum), epsilons))
    v128.store(values, f32x4.sub(v128.load(values), move))
    values += 16
    gradient += 16
  }
  while (values < end) {
    const g = load<f32>(gradient)
    const sum = min<f32>(load<f32>(values + bytes) + g * g, f32.MAX_VALUE)
    store<f32>(values + bytes, sum)
    store<f32>(values, load<f32>(values) - (rate * g) / (sqrt<f32>(sum) + epsilon))
    values += 4
    gradient += 4
  }
}
