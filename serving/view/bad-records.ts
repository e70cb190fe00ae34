// Records that could not be folded: all counted, the newest named with their position.

const namedMax = 20

export class BadRecords {
  count = 0
  /** Oldest first: "topic/partition@offset: reason". */
  readonly newest: string[] = []

  note(place: string, offset: number, reason: string): 'bad' {
    this.count++
    this.newest.push(`${place}@${offset}: ${reason}`)
    if (this.newest.length > namedMax) this.newest.shift()
    return 'bad'
  }
}
