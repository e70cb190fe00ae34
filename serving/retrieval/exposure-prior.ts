// How much each video was shown of late, as a logarithm: what the towers leave out when they are trained on what was shown
// (see TowersSpec.frequency.prior), and retrieval puts back. Evaluation and serving rank by this one.

export interface ExposurePrior {
  /** Outcomes of a video's showings that count halves every half-life, as of a time. Not above 0: as if never shown. */
  set(key: number, outcomes: number, asOfMs: number): void
  remove(key: number): void
  /** Natural logarithm of the outcomes left at that time, of at least `outcomesFloor`. Good until the next change. */
  at(nowMs: number): (key: number) => number
  clear(): void
}

/** Outcomes that a video is taken to have that nobody was shown of late: it can be found, behind its equals. */
export const outcomesFloor = 0.1
const firstCapacity = 1_024

/** What is kept is ln(outcomes) + t ln(2) / half-life, as of whatever time: no clock moves the order. Keys are whole numbers. */
export function exposurePrior(halfLifeMs: number): ExposurePrior {
  const decayPerMs = Math.LN2 / halfLifeMs
  let timeless = new Float64Array(firstCapacity).fill(Number.NEGATIVE_INFINITY)
  return {
    set(key, outcomes, asOfMs) {
      if (key >= timeless.length) {
        const larger = new Float64Array(Math.max(key + 1, 2 * timeless.length)).fill(Number.NEGATIVE_INFINITY)
        larger.set(timeless)
        timeless = larger
      }
      timeless[key] = outcomes > 0 ? Math.log(outcomes) + asOfMs * decayPerMs : Number.NEGATIVE_INFINITY
    },
    remove(key) {
      if (key < timeless.length) timeless[key] = Number.NEGATIVE_INFINITY
    },
    at(nowMs) {
      const known = timeless
      const elapsed = nowMs * decayPerMs
      const floor = Math.log(outcomesFloor)
      return (key) => (key < known.length ? Math.max(floor, known[key]! - elapsed) : floor)
    },
    clear() {
      timeless.fill(Number.NEGATIVE_INFINITY)
    },
  }
}
