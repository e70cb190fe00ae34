// Intervals by resampling users: rows of one user are alike, so resampling rows would call noise a finding.
import { seededRandom } from '../../streams/runtime/simulated-runtime.ts'

export interface BootstrapOptions {
  readonly users: number
  readonly resamples: number
  readonly seed: number
}

/** Holds the true value in 95 of 100 logs, by the percentile method (Efron and Tibshirani 1993, chapter 13). */
export interface Interval {
  readonly low: number
  readonly high: number
}

/** A number of a sample in which each user is there as often as `weightByUser` says. */
export type UserStatistic = (weightByUser: Float64Array) => number

/** Every user once. */
export function everyone(users: number): Float64Array {
  return new Float64Array(users).fill(1)
}

/**
 * An interval of each statistic over the same resamples, so differences of two models are paired. A resample where a
 * statistic is NaN (no positive was drawn) is left out of its interval. The same seed gives the same intervals.
 */
export function bootstrapOverUsers<Name extends string>(
  statistics: Readonly<Record<Name, UserStatistic>>,
  { users, resamples, seed }: BootstrapOptions,
): Record<Name, Interval> {
  const random = seededRandom(seed)
  const weights = new Float64Array(users)
  const names = Object.keys(statistics) as Name[]
  const values = names.map((): number[] => [])
  for (let resample = 0; resample < resamples; resample++) {
    weights.fill(0)
    for (let draw = 0; draw < users; draw++) {
      const user = Math.floor(random() * users)
      weights[user] = weights[user]! + 1
    }
    for (const [place, name] of names.entries()) {
      const value = statistics[name](weights)
      if (!Number.isNaN(value)) values[place]!.push(value)
    }
  }
  return Object.fromEntries(names.map((name, place) => [name, percentiles(values[place]!)])) as Record<Name, Interval>
}

function percentiles(values: number[]): Interval {
  const ascending = values.sort((left, right) => left - right)
  const at = (share: number): number => {
    const place = share * (ascending.length - 1)
    const below = ascending[Math.floor(place)]
    const above = ascending[Math.ceil(place)]
    return below === undefined || above === undefined ? Number.NaN : below + (above - below) * (place % 1)
  }
  return { low: at(0.025), high: at(0.975) }
}
