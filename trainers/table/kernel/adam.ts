// Adam (Kingma & Ba 2015) with a push count per row.

/** The count stays exact in a float32, and the corrections are 1 long before. */
const stepsMax: f32 = 16777216

/** The means of g and of g^2 follow the values, then the row's number of pushes. */
export function adam(
  values: usize, gradient: usize, dimension: u32, rate: f32, beta1: f32, beta2: f32, epsilon: f32,
): void {
  const bytes = usize(dimension) << 2
  const end = values + bytes
  const steps = min<f32>(load<f32>(end + 2 * bytes) + 1, stepsMax)
  store<f32>(end + 2 * bytes, steps)
  const pace = f32(f64(rate) / (1.0 - power(f64(beta1), u32(steps))))
  const correction = f32(1.0 / (1.0 - power(f64(beta2), u32(steps))))
  const rest1 = f32(1.0 - f64(beta1))
  const rest2 = f32(1.0 - f64(beta2))
  while (values + 16 <= end) {
    const g = v128.load(gradient)
    const first = f32x4.add(
      f32x4.mul(f32x4.splat(beta1), v128.load(values + bytes)),
      f32x4.mul(f32x4.splat(rest1), g),
    )
    const second = f32x4.add(
      f32x4.mul(f32x4.splat(beta2), v128.load(values + 2 * bytes)),
      f32x4.mul(f32x4.mul(f32x4.splat(rest2), g), g),
    )
    v128.store(values + bytes, first)
    v128.store(values + 2 * bytes, second)
    const root = f32x4.sqrt(f32x4.mul(second, f32x4.splat(correction)))
    const move = f32x4.div(f32x4.mul(f32x4.splat(pace), first), f32x4.add(root, f32x4.splat(epsilon)))
    v128.store(values, f32x4.sub(v128.load(values), move))
    values += 16
    gradient += 16
  }
  while (values < end) {
    const g = load<f32>(gradient)
    const first = beta1 * load<f32>(values + bytes) + rest1 * g
    const second = beta2 * load<f32>(values + 2 * bytes) + rest2 * g * g
    store<f32>(values + bytes, first)
    store<f32>(values + 2 * bytes, second)
    store<f32>(values, load<f32>(values) - (pace * first) / (sqrt<f32>(second * correction) + epsilon))
    values += 4
    gradient += 4
  }
}

/** By repeated squaring. */
function power(base: f64, exponent: u32): f64 {
  let product: f64 = 1
  let square = base
  for (let rest = exponent; rest > 0; rest >>= 1) {
    if ((rest & 1) != 0) product *= square
    square *= square
  }
  return product
}
