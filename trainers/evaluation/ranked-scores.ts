// AUC over rows that weigh what their user weighs: sorted once, then one pass for each set of weights. With whole numbers as
// weights it is the AUC of a sample that holds each user so often.

export class RankedScores {
  /** By rising score: whose row it is, whether it is positive, and whether its score is that of the row before. */
  readonly #users: Int32Array
  readonly #positive: Uint8Array
  readonly #tied: Uint8Array

  /** Labels 0 or 1; rows with a NaN as label or score are passed over. `users` are numbers from 0 on. O(n log n). */
  constructor(users: ArrayLike<number>, scores: ArrayLike<number>, labels: ArrayLike<number>) {
    const order = Array.from({ length: labels.length }, (_, row) => row)
      .filter((row) => !(Number.isNaN(labels[row]) || Number.isNaN(scores[row])))
      .sort((left, right) => scores[left]! - scores[right]!)
    this.#users = Int32Array.from(order, (row) => users[row]!)
    this.#positive = Uint8Array.from(order, (row) => (labels[row] === 1 ? 1 : 0))
    this.#tied = Uint8Array.from(order, (row, place) =>
      place > 0 && scores[row] === scores[order[place - 1]!] ? 1 : 0,
    )
  }

  /** Chance that a positive scores above a negative, ties counted as half; NaN where one of them weighs nothing. O(n). */
  auc(weightByUser: ArrayLike<number>): number {
    const users = this.#users
    let below = 0
    let wins = 0
    let positives = 0
    let tiedPositives = 0
    let tiedNegatives = 0
    for (let place = 0; place < users.length; place++) {
      if (this.#tied[place] === 0) {
        wins += tiedPositives * (below + tiedNegatives / 2)
        positives += tiedPositives
        below += tiedNegatives
        tiedPositives = 0
        tiedNegatives = 0
      }
      const weight = weightByUser[users[place]!]!
      if (this.#positive[place] === 1) tiedPositives += weight
      else tiedNegatives += weight
    }
    wins += tiedPositives * (below + tiedNegatives / 2)
    positives += tiedPositives
    below += tiedNegatives
    return positives * below === 0 ? Number.NaN : wins / (positives * below)
  }
}
