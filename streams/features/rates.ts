// Running rates of a count row as dense values: shrunk to the running mean of everything, then how far they are from it, in
// log-odds where they are probabilities: rare outcomes tell as much as common ones, and that is what the heads add up.
import { rowId } from '../../schemas/ids.ts'
import { type CountColumn, countColumnIndex } from './count-columns.ts'

/** Row of `totals` that every outcome adds to. */
export const allRowId = rowId('all', 'all')

interface RateSpec {
  readonly name: string
  readonly sum: CountColumn
  readonly per: 'outcomes' | 'ratioOutcomes'
  /** Mean before anything was seen, with the weight of `priorOutcomes`. */
  readonly prior: number
  readonly of: 'probability' | 'logSeconds'
}

const rateSpecs: readonly RateSpec[] = [
  { name: 'complete', sum: 'complete', per: 'ratioOutcomes', prior: 0.3, of: 'probability' },
  { name: 'longView', sum: 'longView', per: 'ratioOutcomes', prior: 0.3, of: 'probability' },
  { name: 'like', sum: 'like', per: 'outcomes', prior: 0.03, of: 'probability' },
  { name: 'earlySkip', sum: 'earlySkip', per: 'ratioOutcomes', prior: 0.25, of: 'probability' },
  { name: 'watchTime', sum: 'watchTime', per: 'outcomes', prior: 2, of: 'logSeconds' },
]
const priorOutcomes = 100
/** Outcomes of a row that weigh as much as the mean of all: 10 did best on the KuaiRand log. */
const shrinkOutcomes = 10

/** Dense values of one count row, in the order of rateNames. */
export type RateBlock = Float32Array

/** Names of an entity's dense values: its rates, then log1p(outcomes) / 3. */
export function rateNames(entity: string): string[] {
  return [...rateSpecs.map((spec) => `${entity}.${spec.name}`), `${entity}.outcomes`]
}

export function clipDense(value: number): number {
  return Math.min(4, Math.max(-4, value))
}

/** Running means over everything, by rate; the priors while little was seen. */
export function globalMeans(all: Float32Array): Float32Array {
  const means = new Float32Array(rateSpecs.length)
  for (let rate = 0; rate < rateSpecs.length; rate++) {
    const spec = rateSpecs[rate]!
    const outcomes = all[countColumnIndex[spec.per]]!
    means[rate] = (all[countColumnIndex[spec.sum]]! + priorOutcomes * spec.prior) / (outcomes + priorOutcomes)
  }
  return means
}

const sumColumns = Int32Array.from(rateSpecs, (spec) => countColumnIndex[spec.sum])
const perColumns = Int32Array.from(rateSpecs, (spec) => countColumnIndex[spec.per])
const isProbability = rateSpecs.map((spec) => spec.of === 'probability')
/** A difference of half a unit of log1p(seconds) becomes 1. */
const logSecondsScale = 2
/** Sums that decay may end a little below zero after corrections. */
const probabilityMin = 1e-4

/** Writes the dense values of a count row into `out`; a row without outcomes gives zeros. Returns `out`. */
export function ratesOf(row: Float32Array, means: Float32Array, out: RateBlock): RateBlock {
  const odds = logOddsOf(means)
  for (let rate = 0; rate < rateSpecs.length; rate++) {
    const mean = means[rate]!
    const outcomes = row[perColumns[rate]!]!
    const shrunk = (row[sumColumns[rate]!]! + shrinkOutcomes * mean) / (outcomes + shrinkOutcomes)
    out[rate] = clipDense(isProbability[rate] ? logOdds(shrunk) - odds[rate]! : (shrunk - mean) * logSecondsScale)
  }
  out[rateSpecs.length] = clipDense(Math.log1p(Math.max(0, row[0]!)) / 3)
  return out
}

let newestMeans: Float32Array | null = null
let newestOdds = new Float64Array(0)

/** Means are never changed in place and all rows of a page share theirs, so the newest are remembered. */
function logOddsOf(means: Float32Array): Float64Array {
  if (means === newestMeans) return newestOdds
  newestMeans = means
  newestOdds = Float64Array.from(means, logOdds)
  return newestOdds
}

function logOdds(probability: number): number {
  const inside = Math.min(1 - probabilityMin, Math.max(probabilityMin, probability))
  return Math.log(inside / (1 - inside))
}

export const rateBlockLength = rateSpecs.length + 1

/** A readable list of the columns behind a row, for explanations. */
export function describeCounts(row: Float32Array): Record<string, number> {
  const names = Object.keys(countColumnIndex) as CountColumn[]
  return Object.fromEntries(names.map((name) => [name, row[countColumnIndex[name]]!]))
}
