// Recall and NDCG of one wanted video at a place that equal scores leave open: the mean over every order of the equals, so
// that a score with many ties is neither favoured nor punished by how they happen to be sorted.

export interface Placed {
  /** Candidates that score above the wanted one. */
  readonly above: number
  /** Others that score the same. */
  readonly tied: number
}

/** Chance to be among the first `k`. */
export function expectedRecall({ above, tied }: Placed, k: number): number {
  return Math.min(1, Math.max(0, (k - above) / (tied + 1)))
}

/** Mean of 1 / log2(2 + place), 0 from place `k` on: NDCG where one candidate is relevant (Jarvelin and Kekalainen 2002). */
export function expectedNdcg({ above, tied }: Placed, k: number): number {
  let sum = 0
  for (let place = above; place <= Math.min(above + tied, k - 1); place++) sum += 1 / Math.log2(2 + place)
  return sum / (tied + 1)
}

/** Where `wanted` stands among the first `count` scores. */
export function placeOf(scores: ArrayLike<number>, count: number, wanted: number): Placed {
  const score = scores[wanted]!
  let above = 0
  let tied = -1
  for (let index = 0; index < count; index++) {
    if (scores[index]! > score) above++
    else if (scores[index] === score) tied++
  }
  return { above, tied }
}
