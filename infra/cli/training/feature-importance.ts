// What each feature is worth: the AUC that is lost when its values are exchanged among rows, with an interval over users.
import { type Head, headIndex, heads } from '../../../schemas/labels.ts'
import { RankedScores } from '../../../trainers/evaluation/ranked-scores.ts'
import { type ByHead, chanceHeads } from '../../../trainers/evaluation/scored-report.ts'
import { NumberedNames } from '../../../trainers/evaluation/scored-rows.ts'
import {
  bootstrapOverUsers,
  everyone,
  type Interval,
  type UserStatistic,
} from '../../../trainers/evaluation/user-bootstrap.ts'
import type { PermutedRows } from './run-journal.ts'

export interface FeatureImportance {
  readonly rows: number
  /** Heads with enough positives among the rows to tell. */
  readonly heads: readonly Head[]
  readonly features: readonly FeatureLoss[]
}

export interface FeatureLoss {
  readonly feature: string
  /** AUC as it is less AUC with the feature's values exchanged. */
  readonly aucLoss: ByHead<Interval & { readonly loss: number }>
}

const positivesMin = 30

/** Null where no rows were taken. Features that most is lost by come first, by the first head. */
export function featureImportance(
  pools: readonly PermutedRows[],
  draws: { readonly resamples: number; readonly seed: number },
): FeatureImportance | null {
  const features = pools[0]?.features ?? []
  const names = new NumberedNames()
  const users = pools.flatMap(({ userIds }) => userIds.map((userId) => names.numberOf(userId)))
  const labelsOf = (head: Head) =>
    joinedColumn(
      pools,
      head,
      ({ labels }) => labels,
      () => 0,
    )
  const told = chanceHeads.filter((head) => labelsOf(head).filter((label) => label === 1).length >= positivesMin)
  if (told.length === 0 || features.length === 0) return null
  const losses = new Map<string, Interval & { readonly loss: number }>()
  for (const head of told) {
    const labels = labelsOf(head)
    // The first block of predictions is of the rows as they are.
    const ranked = [null, ...features].map((_, block) => {
      const scores = joinedColumn(
        pools,
        head,
        ({ predictions }) => predictions,
        (pool) => block * pool.userIds.length,
      )
      return new RankedScores(users, scores, labels)
    })
    for (const [place, interval] of lossesOf(ranked, names.names.length, draws).entries()) {
      losses.set(`${features[place]!} ${head}`, interval)
    }
  }
  const first = told.includes('longView') ? 'longView' : told[0]!
  const rows = features.map((feature) => ({
    feature,
    aucLoss: Object.fromEntries(told.map((head) => [head, losses.get(`${feature} ${head}`)!])),
  }))
  return {
    rows: users.length,
    heads: told,
    features: rows.sort((left, right) => right.aucLoss[first]!.loss - left.aucLoss[first]!.loss),
  }
}

/** Of the features in their order; `ranked` begins with the rows as they are. */
function lossesOf(
  ranked: readonly RankedScores[],
  users: number,
  draws: { readonly resamples: number; readonly seed: number },
): (Interval & { readonly loss: number })[] {
  const whole = ranked[0]!
  const ones = everyone(users)
  const statistics: Record<string, UserStatistic> = {}
  let asDrawn = Number.NaN
  for (const [block, permuted] of ranked.slice(1).entries()) {
    statistics[`f${block}`] = (weights) => {
      // Statistics are asked in their order for each draw: the first finds what all are compared with.
      if (block === 0) asDrawn = whole.auc(weights)
      return asDrawn - permuted.auc(weights)
    }
  }
  const intervals = bootstrapOverUsers(statistics, { users, ...draws })
  const asIs = whole.auc(ones)
  return ranked.slice(1).map((permuted, block) => ({ loss: asIs - permuted.auc(ones), ...intervals[`f${block}`]! }))
}

function joinedColumn(
  pools: readonly PermutedRows[],
  head: Head,
  valuesOf: (pool: PermutedRows) => Float32Array,
  firstRowOf: (pool: PermutedRows) => number,
): Float32Array {
  return Float32Array.from(
    pools.flatMap((pool) => {
      const values = valuesOf(pool)
      const first = firstRowOf(pool)
      return pool.userIds.map((_, row) => values[(first + row) * heads.length + headIndex[head]]!)
    }),
  )
}
