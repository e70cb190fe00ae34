// What a check of a drill found: how much is missing, how much is there twice, and every difference in words.

export interface Finding {
  /** What was checked. */
  readonly check: string
  /** How many things were compared: a check that looked at nothing proves nothing. */
  readonly compared: number
  readonly lost: number
  readonly doubled: number
  /** Bytes or values that are not what an independent fold gives; empty where all are. */
  readonly differences: readonly string[]
}

/** Words kept of one check: the first ones say what is wrong. */
const differencesKeptMax = 20

export class FindingBuilder {
  private readonly check: string
  private readonly words: string[] = []
  compared = 0
  lost = 0
  doubled = 0

  constructor(check: string) {
    this.check = check
  }

  differs(what: string): void {
    if (this.words.length < differencesKeptMax) this.words.push(what)
  }

  finding(): Finding {
    const { check, compared, lost, doubled } = this
    return { check, compared, lost, doubled, differences: this.words }
  }
}
