// e^x of four numbers by IEEE basic operations only, so that it has the same bytes everywhere.

/** Below and above it x is clamped: e^x stays a normal number. */
const lowest: f32 = -87.0
const highest: f32 = 88.0

/** Relative error below 2e-7. 2^n e^r with n the nearest integer to x / ln 2; e^r by the minimax polynomial of Moshier's
 *  Cephes library (expf), ln 2 in two parts so that r is exact. */
// @ts-ignore: decorator
@inline
export function exponential(values: v128): v128 {
  const x = f32x4.min(f32x4.max(values, f32x4.splat(lowest)), f32x4.splat(highest))
  const n = f32x4.floor(f32x4.add(f32x4.mul(x, f32x4.splat(1.44269504088896341)), f32x4.splat(0.5)))
  const coarse = f32x4.sub(x, f32x4.mul(n, f32x4.splat(0.693359375)))
  const r = f32x4.sub(coarse, f32x4.mul(n, f32x4.splat(-2.12194440e-4)))
  let sum = f32x4.splat(1.9875691500e-4)
  sum = f32x4.add(f32x4.mul(sum, r), f32x4.splat(1.3981999507e-3))
  sum = f32x4.add(f32x4.mul(sum, r), f32x4.splat(8.3334519073e-3))
  sum = f32x4.add(f32x4.mul(sum, r), f32x4.splat(4.1665795894e-2))
  sum = f32x4.add(f32x4.mul(sum, r), f32x4.splat(1.6666665459e-1))
  sum = f32x4.add(f32x4.mul(sum, r), f32x4.splat(5.0000001201e-1))
  const power = f32x4.add(f32x4.add(f32x4.mul(f32x4.mul(sum, r), r), r), f32x4.splat(1))
  const exponent = i32x4.shl(i32x4.add(i32x4.trunc_sat_f32x4_s(n), i32x4.splat(127)), 23)
  return f32x4.mul(power, exponent)
}
