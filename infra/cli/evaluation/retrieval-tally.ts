// How often each method had the wanted video among its first hundred, with intervals over users.
import { expectedNdcg, expectedRecall, type Placed } from '../../../trainers/evaluation/expected-rank.ts'
import { NumberedNames } from '../../../trainers/evaluation/scored-rows.ts'
import {
  bootstrapOverUsers,
  everyone,
  type Interval,
  type UserStatistic,
} from '../../../trainers/evaluation/user-bootstrap.ts'

export interface RetrievalReport {
  /** Long views looked for: each `every`-th of those whose video was seen before. */
  readonly queries: number
  readonly every: number
  /** Videos seen by the end. */
  readonly catalogue: number
  /** Long views of a video that nobody was shown before: no method can find them, they do not count. */
  readonly unseen: number
  readonly recallAt100: Readonly<Record<string, number>>
  readonly ndcgAt100: Readonly<Record<string, number>>
  /** Recall of the model less that of each other method, over the same long views. */
  readonly modelAhead: Readonly<Record<string, Interval & { readonly difference: number }>>
}

const placesCounted = 100

export class RetrievalTally {
  readonly #users = new NumberedNames()
  readonly #userOfQuery: number[] = []
  readonly #recallByMethod = new Map<string, number[]>()
  readonly #ndcgByMethod = new Map<string, number[]>()

  add(userId: string, placeByMethod: Readonly<Record<string, Placed>>): void {
    this.#userOfQuery.push(this.#users.numberOf(userId))
    for (const [method, place] of Object.entries(placeByMethod)) {
      append(this.#recallByMethod, method, expectedRecall(place, placesCounted))
      append(this.#ndcgByMethod, method, expectedNdcg(place, placesCounted))
    }
  }

  report(resamples: number, seed: number): Omit<RetrievalReport, 'every' | 'catalogue' | 'unseen'> {
    const users = this.#users.names.length
    const model = this.#recallByMethod.get('model') ?? []
    const others = [...this.#recallByMethod].filter(([method]) => method !== 'model')
    const statistics: Record<string, UserStatistic> = {}
    for (const [method, recalls] of others) {
      const ahead = model.map((recall, query) => recall - recalls[query]!)
      statistics[method] = (weights) => this.#mean(ahead, weights)
    }
    const intervals = bootstrapOverUsers(statistics, { users, resamples, seed })
    const ones = everyone(users)
    const means = (byMethod: ReadonlyMap<string, number[]>) =>
      Object.fromEntries([...byMethod].map(([method, values]) => [method, this.#mean(values, ones)]))
    return {
      queries: this.#userOfQuery.length,
      recallAt100: means(this.#recallByMethod),
      ndcgAt100: means(this.#ndcgByMethod),
      modelAhead: Object.fromEntries(
        others.map(([method]) => [method, { difference: statistics[method]!(ones), ...intervals[method]! }]),
      ),
    }
  }

  #mean(values: readonly number[], weightByUser: Float64Array): number {
    let sum = 0
    let count = 0
    for (let query = 0; query < values.length; query++) {
      const weight = weightByUser[this.#userOfQuery[query]!]!
      sum += weight * values[query]!
      count += weight
    }
    return count === 0 ? Number.NaN : sum / count
  }
}

function append(byMethod: Map<string, number[]>, method: string, value: number): void {
  const known = byMethod.get(method)
  if (known) known.push(value)
  else byMethod.set(method, [value])
}
