// What the last dumps of a fold held, so that a snapshot is announced as the state that was stored, not as the one of now.

export interface DumpedState {
  /** Offset after the newest input behind the dump. */
  readonly next: number
  readonly version: number
  readonly lineage: number
  /** Publication was held: views must not see this state. */
  readonly isHeld: boolean
}

/** A dump is announced before many more are taken. */
const dumpsKept = 8

export class DumpLedger {
  #dumps: DumpedState[] = []

  note(state: DumpedState): void {
    this.#dumps = [...this.#dumps.filter(({ next }) => next !== state.next), state].slice(-dumpsKept)
  }

  /** The state dumped when the input was read up to `next`: the newest at or before it, because what is read is not always
   *  folded (deletions, repeats). Null where it is not known. */
  at(next: number): DumpedState | null {
    const before = this.#dumps.filter((state) => state.next <= next)
    return before.reduce<DumpedState | null>((best, state) => (best && best.next > state.next ? best : state), null)
  }
}
