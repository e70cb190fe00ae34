// AdaGrad with one accumulator per row, of the mean of the squared gradient.

/** sum += mean of g^2 (held at the largest float), value -= rate * g / (sqrt(sum) + epsilon); the sum follows the values.
 *  `share` is 1 / dimension. */
// @ts-ignore: decorator
@inline
export function rowwiseAdagrad(
  values: usize, gradient: usize, dimension: u32, rate: f32, epsilon: f32, share: f32,
): void {
  const end = values + (usize(dimension) << 2)
  const sum = min<f32>(load<f32>(end) + meanSquare(gradient, dimension, share), f32.MAX_VALUE)
  store<f32>(end, sum)
  const divisor = sqrt<f32>(sum) + epsilon
  const divisors = f32x4.splat(divisor)
  const rates = f32x4.splat(rate)
  while (values + 16 <= end) {
    const move = f32x4.div(f32x4.mul(rates, v128.load(gradient)), divisors)
    v128.store(values, f32x4.sub(v128.load(values), move))
    values += 16
    gradient += 16
  }
  while (values < end) {
    store<f32>(values, load<f32>(values) - (rate * load<f32>(gradient)) / divisor)
    values += 4
    gradient += 4
  }
}

/** Lanes are added up as (0 + 1) + (2 + 3), then the rest one by one. Squares of g and g * share cannot overflow. */
// @ts-ignore: decorator
@inline
function meanSquare(gradient: usize, dimension: u32, share: f32): f32 {
  const end = gradient + (usize(dimension) << 2)
  const shares = f32x4.splat(share)
  let lanes = f32x4.splat(0)
  while (gradient + 16 <= end) {
    const g = v128.load(gradient)
    lanes = f32x4.add(lanes, f32x4.mul(g, f32x4.mul(g, shares)))
    gradient += 16
  }
  let mean = f32x4.extract_lane(lanes, 0) + f32x4.extract_lane(lanes, 1)
  mean += f32x4.extract_lane(lanes, 2) + f32x4.extract_lane(lanes, 3)
  while (gradient < end) {
    const g = load<f32>(gradient)
    mean += g * (g * share)
    gradient += 4
  }
  return mean
}
