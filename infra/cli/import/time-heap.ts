// A binary heap ordered by (time, sequence): what was pushed with the earliest time comes out first, equal times in the
// order of their sequence numbers. Push and pop are O(log n).

interface Entry<Value> {
  readonly timeMs: number
  readonly sequence: number
  readonly value: Value
}

export class TimeHeap<Value> {
  private readonly entries: Entry<Value>[] = []

  get size(): number {
    return this.entries.length
  }

  /** Infinity when empty. */
  get earliestMs(): number {
    return this.entries[0]?.timeMs ?? Number.POSITIVE_INFINITY
  }

  push(timeMs: number, sequence: number, value: Value): void {
    const { entries } = this
    const entry = { timeMs, sequence, value }
    let index = entries.length
    entries.push(entry)
    while (index > 0) {
      const parent = (index - 1) >> 1
      if (!before(entry, entries[parent]!)) break
      entries[index] = entries[parent]!
      index = parent
    }
    entries[index] = entry
  }

  /** Throws RangeError when empty. */
  pop(): Value {
    const { entries } = this
    const first = entries[0]
    const last = entries.pop()
    if (!first || !last) throw new RangeError('the heap is empty')
    if (entries.length > 0) this.sinkFromTop(last)
    return first.value
  }

  private sinkFromTop(entry: Entry<Value>): void {
    const { entries } = this
    let index = 0
    for (;;) {
      let child = 2 * index + 1
      if (child >= entries.length) break
      if (child + 1 < entries.length && before(entries[child + 1]!, entries[child]!)) child++
      if (!before(entries[child]!, entry)) break
      entries[index] = entries[child]!
      index = child
    }
    entries[index] = entry
  }
}

function before<Value>(a: Entry<Value>, b: Entry<Value>): boolean {
  return a.timeMs < b.timeMs || (a.timeMs === b.timeMs && a.sequence < b.sequence)
}
