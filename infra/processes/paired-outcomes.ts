// How two models predicted the same examples before either learned them: outcomes are compared only where both predicted, over
// the newest of those. Bounded; begins empty with the process.
import { type Head, headIndex, heads } from '../../schemas/labels.ts'
import { decodeFloats } from '../../schemas/layouts/floats.ts'
import { auc } from '../../trainers/evaluation/auc.ts'
import { pointLogLoss } from '../../trainers/evaluation/log-loss.ts'
import type { TrainingRecord } from '../../trainers/open-batch.ts'

export type ChanceHead = Exclude<Head, 'watchTime'>
export const chanceHeads = heads.filter((head): head is ChanceHead => head !== 'watchTime')

/** By how much the second model is ahead of the first; positive: it predicts better. */
export interface HeadLead {
  /** Examples that both predicted and whose label is known. */
  readonly outcomes: number
  /** NaN where one label is missing throughout. */
  readonly auc: number
  readonly logLoss: number
  /** Standard error of `logLoss`, over users: examples of one user are alike (Liang and Zeger 1986). NaN of one user. */
  readonly logLossError: number
}

export type Side = 'live' | 'shadow'

interface Waiting {
  readonly side: Side
  readonly predictions: Float32Array
}

const width = heads.length
const windowDefault = 16_384

export class PairedOutcomes {
  readonly #size: number
  /** By exampleId, oldest first: predicted by one side only as yet. */
  readonly #waiting = new Map<string, Waiting>()
  /** A ring of the newest pairs, places x heads. */
  readonly #live: Float32Array
  readonly #shadow: Float32Array
  readonly #labels: Float32Array
  readonly #users: string[] = []
  #pairs = 0

  constructor(size = windowDefault) {
    this.#size = size
    this.#live = new Float32Array(size * width)
    this.#shadow = new Float32Array(size * width)
    this.#labels = new Float32Array(size * width)
  }

  /** Examples that both predicted, since the start. */
  get pairs(): number {
    return this.#pairs
  }

  /** What one side predicted of a batch, records x heads. Corrections are no further outcomes. */
  note(side: Side, records: readonly TrainingRecord[], predictions: Float32Array): void {
    for (const [index, record] of records.entries()) {
      if (record.type !== 'Example') continue
      const { exampleId } = record
      const own = predictions.slice(index * width, (index + 1) * width)
      const other = this.#waiting.get(exampleId)
      this.#waiting.delete(exampleId)
      if (other === undefined || other.side === side) this.#waiting.set(exampleId, { side, predictions: own })
      else if (side === 'live') this.#add(record, own, other.predictions)
      else this.#add(record, other.predictions, own)
    }
    // The other side will not come to what is this old: it was there before, or refused it.
    for (const exampleId of this.#waiting.keys()) {
      if (this.#waiting.size <= this.#size) break
      this.#waiting.delete(exampleId)
    }
  }

  lead(head: ChanceHead): HeadLead {
    const [live, shadow, labels] = [[] as number[], [] as number[], [] as number[]]
    const users: string[] = []
    for (let place = 0; place < Math.min(this.#pairs, this.#size); place++) {
      const at = place * width + headIndex[head]
      const label = this.#labels[at]!
      if (Number.isNaN(label)) continue
      live.push(this.#live[at]!)
      shadow.push(this.#shadow[at]!)
      labels.push(label)
      users.push(this.#users[place]!)
    }
    const gains = labels.map((label, at) => pointLogLoss(live[at]!, label) - pointLogLoss(shadow[at]!, label))
    const logLoss = gains.reduce((sum, gain) => sum + gain, 0) / gains.length
    return {
      outcomes: labels.length,
      auc: auc(shadow, labels) - auc(live, labels),
      logLoss,
      logLossError: errorOverUsers(gains, users, logLoss),
    }
  }

  #add(record: TrainingRecord & { readonly type: 'Example' }, live: Float32Array, shadow: Float32Array): void {
    const place = this.#pairs % this.#size
    this.#live.set(live, place * width)
    this.#shadow.set(shadow, place * width)
    const labels = this.#labels.subarray(place * width, (place + 1) * width).fill(Number.NaN)
    const given = decodeFloats(record.labels)
    for (const [index, name] of record.headNames.entries()) {
      const head = headIndex[name as Head] as number | undefined
      if (head !== undefined) labels[head] = given[index] ?? Number.NaN
    }
    this.#users[place] = record.userId
    this.#pairs++
  }
}

function errorOverUsers(gains: readonly number[], users: readonly string[], mean: number): number {
  const sumByUser = new Map<string, number>()
  for (const [at, gain] of gains.entries()) {
    sumByUser.set(users[at]!, (sumByUser.get(users[at]!) ?? 0) + gain - mean)
  }
  const groups = sumByUser.size
  if (groups < 2) return Number.NaN
  const squares = [...sumByUser.values()].reduce((sum, one) => sum + one * one, 0)
  return Math.sqrt((squares * groups) / (groups - 1)) / gains.length
}
