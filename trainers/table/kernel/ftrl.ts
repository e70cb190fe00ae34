// FTRL-Proximal (McMahan et al. 2013, algorithm 1), per value.

/** z follows the values, then n: z += g - (sqrt(n + g^2) - sqrt(n)) / alpha * value, and value = 0 where |z| <= l1, else
 *  -(z - sign(z) * l1) / ((beta + sqrt(n)) / alpha + l2). */
export function ftrl(
  values: usize, gradient: usize, dimension: u32, alpha: f32, beta: f32, l1: f32, l2: f32,
): void {
  const bytes = usize(dimension) << 2
  const end = values + bytes
  const alphas = f32x4.splat(alpha)
  const signs = i32x4.splat(i32.MIN_VALUE)
  while (values + 16 <= end) {
    const g = v128.load(gradient)
    const before = v128.load(values + 2 * bytes)
    const after = f32x4.pmin(f32x4.add(before, f32x4.mul(g, g)), f32x4.splat(f32.MAX_VALUE))
    const root = f32x4.sqrt(after)
    const sigma = f32x4.div(f32x4.sub(root, f32x4.sqrt(before)), alphas)
    const z = f32x4.sub(f32x4.add(v128.load(values + bytes), g), f32x4.mul(sigma, v128.load(values)))
    v128.store(values + bytes, z)
    v128.store(values + 2 * bytes, after)
    const slope = f32x4.add(f32x4.div(f32x4.add(f32x4.splat(beta), root), alphas), f32x4.splat(l2))
    const beyond = f32x4.sub(f32x4.abs(z), f32x4.splat(l1))
    const value = v128.xor(f32x4.div(beyond, slope), v128.andnot(signs, z))
    v128.store(values, v128.and(value, f32x4.gt(beyond, f32x4.splat(0))))
    values += 16
    gradient += 16
  }
  while (values < end) {
    const g = load<f32>(gradient)
    const before = load<f32>(values + 2 * bytes)
    const after = min<f32>(before + g * g, f32.MAX_VALUE)
    const root = sqrt<f32>(after)
    const sigma = (root - sqrt<f32>(before)) / alpha
    const z = load<f32>(values + bytes) + g - sigma * load<f32>(values)
    store<f32>(values + bytes, z)
    store<f32>(values + 2 * bytes, after)
    const beyond = abs<f32>(z) - l1
    const size = beyond / ((beta + root) / alpha + l2)
    store<f32>(values, beyond > 0 ? (z > 0 ? -size : size) : 0)
    values += 4
    gradient += 4
  }
}

/** The z of a fresh row: the one that its values solve. */
export function startFtrl(values: usize, dimension: u32, alpha: f32, beta: f32, l1: f32, l2: f32): void {
  const bytes = usize(dimension) << 2
  const slope = beta / alpha + l2
  for (const end = values + bytes; values < end; values += 4) {
    const value = load<f32>(values)
    const size = abs<f32>(value) * slope + l1
    store<f32>(values + bytes, value == 0 ? 0 : value > 0 ? -size : size)
    store<f32>(values + 2 * bytes, 0)
  }
}
