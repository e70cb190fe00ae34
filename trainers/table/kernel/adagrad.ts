// AdaGrad (Duchi et al. 2011), per value.

/** sum += g^2 (held at the largest float), value -= rate * g / (sqrt(sum) + epsilon); the sums follow the values. */
// @ts-ignore: decorator
@inline
export function adagrad(values: usize, gradient: usize, dimension: u32, rate: f32, epsilon: f32): void {
  const bytes = usize(dimension) << 2
  const end = values + bytes
  const rates = f32x4.splat(rate)
  const epsilons = f32x4.splat(epsilon)
  while (values + 64 <= end) {
    step(values, values + bytes, gradient, rates, epsilons)
    step(values + 16, values + bytes + 16, gradient + 16, rates, epsilons)
    step(values + 32, values + bytes + 32, gradient + 32, rates, epsilons)
    step(values + 48, values + bytes + 48, gradient + 48, rates, epsilons)
    values += 64
    gradient += 64
  }
  while (values + 16 <= end) {
    step(values, values + bytes, gradient, rates, epsilons)
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

// @ts-ignore: decorator
@inline
function step(values: usize, sums: usize, gradient: usize, rates: v128, epsilons: v128): void {
  const g = v128.load(gradient)
  const sum = f32x4.pmin(f32x4.add(v128.load(sums), f32x4.mul(g, g)), f32x4.splat(f32.MAX_VALUE))
  v128.store(sums, sum)
  const move = f32x4.div(f32x4.mul(rates, g), f32x4.add(f32x4.sqrt(sum), epsilons))
  v128.store(values, f32x4.sub(v128.load(values), move))
}
