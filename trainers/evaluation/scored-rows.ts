// What was predicted of each impression and what came of it, in columns, so that a million rows fit.
import { type Head, headIndex, heads, watchTimeMsMax } from '../../schemas/labels.ts'

export interface ScoredRow {
  readonly userId: string
  readonly videoId: string
  readonly requestId: string
  readonly timeMs: number
  /** In the order of the heads; watchTime in seconds. */
  readonly predictions: Float32Array
  /** The same as predicted with the user's side as of the start of the day; null where that is not known. */
  readonly frozen: Float32Array | null
  /** In the order of the heads, NaN where unknown; watchTime as log1p(seconds). */
  readonly labels: Float32Array
  /** Impressions of the user and of the video before this one. */
  readonly userImpressionsBefore: number
  readonly videoImpressionsBefore: number
  /** Since the user was last shown something or did something; Infinity where that never was. */
  readonly sinceUserSeenMs: number
}

/** Names by the number they were met as. */
export class NumberedNames {
  readonly #numberByName = new Map<string, number>()
  readonly names: string[] = []

  numberOf(name: string): number {
    let number = this.#numberByName.get(name)
    if (number === undefined) {
      number = this.names.length
      this.#numberByName.set(name, number)
      this.names.push(name)
    }
    return number
  }
}

export class ScoredRows {
  readonly userNames = new NumberedNames()
  readonly videoNames = new NumberedNames()
  readonly pageNames = new NumberedNames()
  readonly users: number[] = []
  readonly videos: number[] = []
  readonly pages: number[] = []
  readonly timesMs: number[] = []
  readonly userImpressionsBefore: number[] = []
  readonly videoImpressionsBefore: number[] = []
  readonly sinceUserSeenMs: number[] = []
  readonly #predictions = new HeadColumns()
  readonly #frozen = new HeadColumns()
  readonly #labels = new HeadColumns()
  #frozenRows = 0

  get length(): number {
    return this.users.length
  }

  /** Whether any row was predicted with a frozen user's side. */
  get hasFrozen(): boolean {
    return this.#frozenRows > 0
  }

  add(row: ScoredRow): void {
    this.users.push(this.userNames.numberOf(row.userId))
    this.videos.push(this.videoNames.numberOf(row.videoId))
    this.pages.push(this.pageNames.numberOf(row.requestId))
    this.timesMs.push(row.timeMs)
    this.userImpressionsBefore.push(row.userImpressionsBefore)
    this.videoImpressionsBefore.push(row.videoImpressionsBefore)
    this.sinceUserSeenMs.push(row.sinceUserSeenMs)
    this.#predictions.push(row.predictions)
    this.#frozen.push(row.frozen ?? nothing)
    this.#labels.push(row.labels)
    if (row.frozen) this.#frozenRows++
  }

  /** Labels of a row that was added, where more came to be known. */
  relabel(row: number, labels: Float32Array): void {
    this.#labels.set(row, labels)
  }

  /** A copy, like the two below. */
  predictions(head: Head): Float32Array {
    return this.#predictions.column(head, this.length)
  }

  /** NaN where a row has none. */
  frozen(head: Head): Float32Array {
    return this.#frozen.column(head, this.length)
  }

  labels(head: Head): Float32Array {
    return this.#labels.column(head, this.length)
  }

  /** Seconds watched, at most those that the label can say; NaN where unknown. */
  watchedSeconds(): Float32Array {
    return this.labels('watchTime').map((label) => Math.min(watchTimeMsMax / 1_000, Math.expm1(label)))
  }

  /** One number for each user's day. */
  userDays(utcOffsetMs: number): number[] {
    const groups = new NumberedNames()
    return this.users.map((user, row) => groups.numberOf(`${user} ${dayNumber(this.timesMs[row]!, utcOffsetMs)}`))
  }
}

const dayMs = 86_400_000

/** Days since 1970 where clocks are `utcOffsetMs` ahead of UTC. */
export function dayNumber(timeMs: number, utcOffsetMs: number): number {
  return Math.floor((timeMs + utcOffsetMs) / dayMs)
}

export function dayStartMs(day: number, utcOffsetMs: number): number {
  return day * dayMs - utcOffsetMs
}

/** As 2022-04-29. */
export function dayName(day: number): string {
  return new Date(day * dayMs).toISOString().slice(0, 10)
}

const nothing = new Float32Array(heads.length).fill(Number.NaN)

/** Rows of one number per head. */
class HeadColumns {
  #values = new Float32Array(1_024 * heads.length)
  #used = 0

  push(row: Float32Array): void {
    if (this.#used + heads.length > this.#values.length) {
      const larger = new Float32Array(2 * this.#values.length)
      larger.set(this.#values)
      this.#values = larger
    }
    this.#values.set(row, this.#used)
    this.#used += heads.length
  }

  set(place: number, row: Float32Array): void {
    this.#values.set(row, place * heads.length)
  }

  column(head: Head, rows: number): Float32Array {
    const out = new Float32Array(rows)
    for (let row = 0; row < rows; row++) out[row] = this.#values[row * heads.length + headIndex[head]]!
    return out
  }
}
