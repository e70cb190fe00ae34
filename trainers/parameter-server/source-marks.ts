// How far a shard has folded each partition of examples, and how old the examples are that it still gets: each range counts
// once, and rows expire by the slowest source that is alive, so that a replay of old records ages nothing.

export type RangeOutcome = 'next' | 'repeated' | 'gap'

interface Mark {
  /** End of the newest range folded. */
  toOffset: number
  newestEventTimeMs: number
  /** Tick time at which it was heard from last; 0: before the first Tick. */
  heardTimeMs: number
}

/** Plain JSON, ascending by partition: partition, end of range, newest event time, tick time heard. */
export type SourceMarksState = readonly (readonly [number, number, number, number])[]

/** A source silent for longer holds nothing back. */
export const silenceMsMax = 10 * 60_000

export class SourceMarks {
  #markByPartition = new Map<number, Mark>()

  /** End of the newest range folded of this partition; 0: none. */
  markOf(examplePartition: number): number {
    return this.#markByPartition.get(examplePartition)?.toOffset ?? 0
  }

  /** Whether a range that follows the one ending at `previousToOffset` is the next, one already folded, or too far. */
  outcomeOf(examplePartition: number, previousToOffset: number, toOffset: number): RangeOutcome {
    const mark = this.markOf(examplePartition)
    if (toOffset <= mark) return 'repeated'
    return previousToOffset === mark ? 'next' : 'gap'
  }

  advance(examplePartition: number, toOffset: number, eventTimeMs: number, tickTimeMs: number): void {
    const mark = this.#markByPartition.get(examplePartition)
    if (mark) {
      mark.toOffset = toOffset
      mark.newestEventTimeMs = Math.max(mark.newestEventTimeMs, eventTimeMs)
      mark.heardTimeMs = tickTimeMs
    } else {
      this.#markByPartition.set(examplePartition, { toOffset, newestEventTimeMs: eventTimeMs, heardTimeMs: tickTimeMs })
    }
  }

  /** Event time that every live source has reached; null where none is alive. */
  watermarkAt(tickTimeMs: number): number | null {
    let watermarkMs: number | null = null
    for (const mark of this.#markByPartition.values()) {
      if (mark.heardTimeMs === 0) mark.heardTimeMs = tickTimeMs
      if (tickTimeMs - mark.heardTimeMs > silenceMsMax) continue
      watermarkMs = Math.min(watermarkMs ?? mark.newestEventTimeMs, mark.newestEventTimeMs)
    }
    return watermarkMs
  }

  /** Marks by "examples/<partition>". */
  trainedThrough(topic: string): Record<string, number> {
    return Object.fromEntries(this.state().map(([partition, toOffset]) => [`${topic}/${partition}`, toOffset]))
  }

  state(): SourceMarksState {
    return [...this.#markByPartition]
      .sort(([left], [right]) => left - right)
      .map(([partition, mark]) => [partition, mark.toOffset, mark.newestEventTimeMs, mark.heardTimeMs] as const)
  }

  restore(state: SourceMarksState): void {
    this.#markByPartition = new Map(
      state.map(([partition, toOffset, newestEventTimeMs, heardTimeMs]) => [
        partition,
        { toOffset, newestEventTimeMs, heardTimeMs },
      ]),
    )
  }
}
