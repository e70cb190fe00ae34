// The interval of a ratio of means that the sample itself shapes: skewed where the sample is, never past what was seen.

/** 0.975 quantile of the normal distribution. */
const zOf95 = 1.959964
/** Of the half width: far below what chance moves it. */
const boundPrecision = 1e-4
const boundRoundsMax = 60

/**
 * 95 % interval of sum(numerator) / sum(denominator) by empirical likelihood (Owen 1988; for estimating equations, Qin and Lawless
 * 1994): all v at which weights p_i on the observations with sum p_i (numerator_i - v denominator_i) = 0 are at least
 * exp(-t^2 / 2) as likely as equal weights. t is Student's quantile where few observations carry the variance (`carriers`):
 * the normal one covers too little there, as measured in docs/off-policy.md.
 *
 * Observations are independent; denominators 0 or more, some above. Null where numerators are all the same multiple of their
 * denominators: then nothing tells how far the truth may be. O(n log(1/precision)).
 */
export function ratioInterval(numerator: Float64Array, denominator: Float64Array): readonly [number, number] | null {
  const count = numerator.length
  let numerators = 0
  let denominators = 0
  let least = Number.POSITIVE_INFINITY
  let most = Number.NEGATIVE_INFINITY
  for (let index = 0; index < count; index++) {
    numerators += numerator[index]!
    denominators += denominator[index]!
    if (denominator[index]! === 0) continue
    const ratio = numerator[index]! / denominator[index]!
    least = Math.min(least, ratio)
    most = Math.max(most, ratio)
  }
  if (!(most > least)) return null
  const estimate = numerators / denominators
  const residual = new Float64Array(count)
  const residualsAt = (value: number): Float64Array => {
    for (let index = 0; index < count; index++) residual[index] = numerator[index]! - value * denominator[index]!
    return residual
  }
  const { threshold, standardError } = atEstimate(residualsAt(estimate), denominators)
  const rootAt = (value: number): number => Math.sqrt(logLikelihoodRatio(residualsAt(value)) / threshold)
  return [bound(estimate, least, standardError, rootAt), bound(estimate, most, standardError, rootAt)]
}

function atEstimate(residuals: Float64Array, denominators: number): { threshold: number; standardError: number } {
  const threshold = meanThreshold(residuals, zOf95)
  const squares = residuals.reduce((sum, value) => sum + value ** 2, 0)
  return { threshold, standardError: Math.sqrt(threshold * squares) / denominators }
}

/**
 * How many observations carry the variance: (sum z^2)^2 / sum z^4. Twice this is Satterthwaite's number of degrees of freedom of
 * the variance estimate, whose own variance is that of z^2 (Satterthwaite 1946, with the sample's kurtosis).
 */
export function carriers(residuals: Float64Array): number {
  let squares = 0
  let fourths = 0
  for (const value of residuals) {
    squares += value ** 2
    fourths += value ** 4
  }
  return fourths === 0 ? residuals.length : squares ** 2 / fourths
}

/** Student's quantile as far out as the normal one `z`, by the expansion of Fisher and Cornish 1960: 95 % within 3 % from 2 degrees
 *  of freedom on. */
export function studentQuantile(degrees: number, z = zOf95): number {
  const first = (z ** 3 + z) / 4
  const second = (5 * z ** 5 + 16 * z ** 3 + 3 * z) / 96
  const third = (3 * z ** 7 + 19 * z ** 5 + 17 * z ** 3 - 15 * z) / 384
  return z + first / degrees + second / degrees ** 2 + third / degrees ** 3
}

/**
 * Whether numbers of a true mean of zero would lie so only as rarely as a normal variable lies past `z`, by Student's test and by the
 * empirical likelihood: heavy tails cry wolf by the first alone, a handful of numbers by the second.
 */
export function isMeanOffZero(values: Float64Array, z: number): boolean {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length
  const residuals = values.map((value) => value - mean)
  const squares = residuals.reduce((sum, value) => sum + value ** 2, 0)
  const threshold = meanThreshold(residuals, z)
  const isFar = mean ** 2 > (threshold * squares) / values.length / (values.length - 1)
  return isFar && logLikelihoodRatio(values) > threshold
}

/** t^2 for -2 log of the likelihood ratio; residuals are those at the estimate. */
function meanThreshold(residuals: Float64Array, z: number): number {
  const degrees = Math.min(2 * carriers(residuals), residuals.length - 1)
  return studentQuantile(degrees, z) ** 2
}

/** Where `rootAt`, 0 at `inside` and nearly linear, reaches 1 on the way to `outside`: by secants, within a bracket. */
function bound(inside: number, outside: number, step: number, rootAt: (value: number) => number): number {
  let near = inside
  let nearRoot = 0
  let far = outside
  let farRoot = Number.POSITIVE_INFINITY
  let guess = inside + Math.sign(outside - inside) * Math.min(step, Math.abs(outside - inside) / 2)
  for (let round = 0; round < boundRoundsMax; round++) {
    const root = rootAt(guess)
    if (Math.abs(root - 1) < boundPrecision) break
    if (root < 1) {
      near = guess
      nearRoot = root
    } else {
      far = guess
      farRoot = root
    }
    const secant = Number.isFinite(farRoot)
      ? near + ((far - near) * (1 - nearRoot)) / (farRoot - nearRoot)
      : inside + (near - inside) / nearRoot
    const isInside = (secant - near) * (far - secant) > 0
    guess = isInside ? secant : (near + far) / 2
  }
  return guess
}

/**
 * -2 log of the empirical likelihood ratio of a zero mean: 2 sum log(1 + lambda z_i), where sum z_i / (1 + lambda z_i) = 0. Infinite
 * where no weights give a zero mean. Newton's method, held within the bracket where all weights stay positive.
 */
function logLikelihoodRatio(residuals: Float64Array): number {
  let least = 0
  let most = 0
  for (const value of residuals) {
    least = Math.min(least, value)
    most = Math.max(most, value)
  }
  if (least === 0 || most === 0) return least === most ? 0 : Number.POSITIVE_INFINITY
  // Each weight is at most 1, so 1 + lambda z_i >= 1/n (Owen 2001, section 2.9).
  let low = (1 / residuals.length - 1) / most
  let high = (1 / residuals.length - 1) / least
  let lambda = 0
  for (let step = 0; step < 100; step++) {
    let slope = 0
    let curvature = 0
    for (const value of residuals) {
      const share = value / (1 + lambda * value)
      slope += share
      curvature += share * share
    }
    if (slope > 0) low = lambda
    else high = lambda
    const moved = lambda + slope / curvature
    const next = moved > low && moved < high ? moved : (low + high) / 2
    if (Math.abs(next - lambda) <= 1e-9 * Math.max(Math.abs(low), Math.abs(high))) break
    lambda = next
  }
  let sum = 0
  for (const value of residuals) sum += Math.log1p(lambda * value)
  return 2 * sum
}
