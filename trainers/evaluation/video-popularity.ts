// How popular each video is, counted for ever or with a half-life, overall and by surface: what a model of retrieval has to
// beat.

/** Videos are numbers from 0 on; times rise, or fall back by little. */
export class VideoPopularity {
  readonly #halfLifeMs: number
  readonly #scoresBySurface = new Map<string, Float64Array>()
  #startMs = Number.NaN

  /** Infinity: nothing fades. */
  constructor(halfLifeMs: number) {
    this.#halfLifeMs = halfLifeMs
  }

  /** Everything since the start keeps its weight; what is new weighs more. A hundred half-lives later the old ones are
   *  scaled down, so that no number grows out of bounds. */
  add(surface: string, video: number, timeMs: number): void {
    if (Number.isNaN(this.#startMs)) this.#startMs = timeMs
    if (timeMs - this.#startMs > 100 * this.#halfLifeMs) this.#rebase(timeMs)
    const scores = this.#reserve(surface, video + 1)
    scores[video] = scores[video]! + this.unitAt(timeMs)
  }

  /** Scores of videos 0 to count - 1, up to a common factor. Good until the next `add`. */
  scores(surface: string, count: number): Float64Array {
    return this.#reserve(surface, count)
  }

  /** What one addition made at that time is worth in the present scores. */
  unitAt(timeMs: number): number {
    return 2 ** ((timeMs - (Number.isNaN(this.#startMs) ? timeMs : this.#startMs)) / this.#halfLifeMs)
  }

  #reserve(surface: string, count: number): Float64Array {
    const known = this.#scoresBySurface.get(surface)
    if (known && known.length >= count) return known
    const larger = new Float64Array(Math.max(1_024, 2 * count))
    if (known) larger.set(known)
    this.#scoresBySurface.set(surface, larger)
    return larger
  }

  #rebase(timeMs: number): void {
    const factor = 2 ** ((this.#startMs - timeMs) / this.#halfLifeMs)
    for (const scores of this.#scoresBySurface.values()) {
      for (let video = 0; video < scores.length; video++) scores[video] = scores[video]! * factor
    }
    this.#startMs = timeMs
  }
}
