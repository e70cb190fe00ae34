// AUC within groups (a user's day, a page): how well each group is ordered, whatever tells the groups apart. The mean over
// the groups that hold a positive and a negative, each weighing as many rows as it has.
import { auc } from './auc.ts'

export class GroupedScores {
  readonly #rowsByUser: Float64Array
  readonly #sumByUser: Float64Array
  /** Groups with both labels, and their rows. */
  readonly groups: number
  readonly rows: number

  /** Groups are numbers, each within one user; labels 0 or 1; rows with a NaN as label or score are passed over. */
  constructor(
    users: ArrayLike<number>,
    userCount: number,
    groups: ArrayLike<number>,
    scores: ArrayLike<number>,
    labels: ArrayLike<number>,
  ) {
    this.#rowsByUser = new Float64Array(userCount)
    this.#sumByUser = new Float64Array(userCount)
    let counted = 0
    let rows = 0
    for (const members of membersByGroup(groups, scores, labels).values()) {
      const positives = members.filter((row) => labels[row] === 1).length
      if (positives === 0 || positives === members.length) continue
      const value = auc(
        members.map((row) => scores[row]!),
        members.map((row) => labels[row]!),
      )
      const user = users[members[0]!]!
      this.#rowsByUser[user] = this.#rowsByUser[user]! + members.length
      this.#sumByUser[user] = this.#sumByUser[user]! + members.length * value
      counted++
      rows += members.length
    }
    this.groups = counted
    this.rows = rows
  }

  /** NaN where no group counts. O(users). */
  auc(weightByUser: ArrayLike<number>): number {
    let sum = 0
    let rows = 0
    for (let user = 0; user < this.#rowsByUser.length; user++) {
      sum += weightByUser[user]! * this.#sumByUser[user]!
      rows += weightByUser[user]! * this.#rowsByUser[user]!
    }
    return rows === 0 ? Number.NaN : sum / rows
  }
}

function membersByGroup(
  groups: ArrayLike<number>,
  scores: ArrayLike<number>,
  labels: ArrayLike<number>,
): Map<number, number[]> {
  const members = new Map<number, number[]>()
  for (let row = 0; row < groups.length; row++) {
    if (Number.isNaN(labels[row]) || Number.isNaN(scores[row])) continue
    const known = members.get(groups[row]!)
    if (known) known.push(row)
    else members.set(groups[row]!, [row])
  }
  return members
}
