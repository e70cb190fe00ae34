// What of a model's input counts: rollbacks undo ranges of offsets for good, and the number of them behind a state is its
// lineage. Two folds that know the same rollbacks agree, whenever they learned of them.
import type { ModelRolledBack } from '../../schemas/generated.ts'

/** Inputs of one partition at `from` and after, before `until`, do not count. Equal ends undo nothing. */
export interface Rollback {
  readonly eventId: string
  readonly from: number
  readonly until: number
}

/** Those of one input partition of a model, in the order given (that of `policies`), each event once. */
export function rollbacksOf(
  records: readonly ModelRolledBack[],
  model: string,
  topic: string,
  partition: number,
): Rollback[] {
  const position = `${topic}/${partition}`
  const byEventId = new Map<string, Rollback>()
  for (const { eventId, offsets, until, ...record } of records) {
    const from = offsets[position]
    if (record.model !== model || from === undefined || byEventId.has(eventId)) continue
    byEventId.set(eventId, { eventId, from, until: Math.max(from, until[position] ?? from) })
  }
  return [...byEventId.values()]
}

/** Plain JSON: part of the state of a fold. */
export interface RollbackFacts {
  /** Offset after the newest input folded. */
  readonly next: number
  readonly lineage: number
  /** Event ids of the rollbacks that took effect before `next`. */
  readonly rollbacks: readonly string[]
}

/** How far a fold has come among the rollbacks it knows. */
export class RollbackLine {
  readonly #rollbacks: readonly Rollback[]
  #next = 0
  #lineage: number

  constructor(rollbacks: readonly Rollback[] = []) {
    this.#rollbacks = rollbacks
    this.#lineage = this.lineageAt(0)
  }

  /** Offset after the newest input folded. */
  get next(): number {
    return this.#next
  }

  /** Rollbacks behind the state as it is. */
  get lineage(): number {
    return this.#lineage
  }

  /** Whether the input at this offset is undone. */
  skips(offset: number): boolean {
    return this.#rollbacks.some(({ from, until }) => from <= offset && offset < until)
  }

  /** Rollbacks that end at or before this offset. */
  lineageAt(offset: number): number {
    return this.#rollbacks.reduce((count, { until }) => count + (until <= offset ? 1 : 0), 0)
  }

  /** The fold has come to `next`; true where that crosses the end of a rollback. Call before an input is folded with its
   *  offset (inputs may be missing before it), and after with the one behind it. */
  advance(next: number): boolean {
    this.#next = Math.max(this.#next, next)
    const before = this.#lineage
    this.#lineage = this.lineageAt(this.#next)
    return this.#lineage > before
  }

  facts(): RollbackFacts {
    const next = this.#next
    const past = this.#rollbacks.filter(({ from, until }) => from < next || until <= next)
    return { next, lineage: this.#lineage, rollbacks: past.map(({ eventId }) => eventId) }
  }

  /** Throws RangeError on a state that holds what a known rollback undoes, or that knows of one unknown here. Follow with
   *  `advance(facts.next)`: a rollback that undoes nothing may have come since. */
  restore({ next, lineage, rollbacks }: RollbackFacts): void {
    for (const { eventId, from } of this.#rollbacks) {
      if (next > from && !rollbacks.includes(eventId)) {
        throw new RangeError(`a state at ${next} holds what rollback ${eventId} undoes from ${from}`)
      }
    }
    const unknown = rollbacks.find((eventId) => !this.#rollbacks.some((known) => known.eventId === eventId))
    if (unknown !== undefined) throw new RangeError(`a state follows rollback ${unknown}, which is not known here`)
    this.#next = next
    // A state of nothing is where a fold begins: it crosses no end either.
    this.#lineage = next === 0 ? this.lineageAt(0) : lineage
  }
}
