// Who reads what in a consumer group: a partition number, of all topics that have it, goes to one member; loads differ by
// at most one number; a number moves only where that is needed. The same for every driver.

export interface AssignedMember {
  readonly memberId: string
  /** Partition numbers the member holds now. */
  readonly held: ReadonlySet<number>
}

/** Partition numbers by member id. `numbers`: how many partition numbers there are. O(numbers + members). */
export function assignPartitionNumbers(members: readonly AssignedMember[], numbers: number): Map<string, number[]> {
  const ordered = [...members].sort((left, right) => (left.memberId < right.memberId ? -1 : 1))
  const assigned = new Map<string, number[]>(ordered.map((member) => [member.memberId, []]))
  if (ordered.length === 0) return assigned
  const floor = Math.floor(numbers / ordered.length)
  let larger = numbers % ordered.length
  const taken = new Set<number>()
  // Those who hold most keep the larger shares, so that fewest numbers move.
  const byHeld = [...ordered].sort((left, right) => right.held.size - left.held.size)
  const roomByMember = new Map<string, number>()
  for (const member of byHeld) {
    const share = larger > 0 ? floor + 1 : floor
    if (larger > 0) larger--
    const kept = [...member.held].filter((number) => number < numbers && !taken.has(number)).sort((a, b) => a - b)
    const own = kept.slice(0, share)
    for (const number of own) taken.add(number)
    assigned.get(member.memberId)!.push(...own)
    roomByMember.set(member.memberId, share - own.length)
  }
  let number = 0
  for (const member of ordered) {
    for (let room = roomByMember.get(member.memberId)!; room > 0; room--) {
      while (taken.has(number)) number++
      assigned.get(member.memberId)!.push(number++)
    }
    assigned.get(member.memberId)!.sort((a, b) => a - b)
  }
  return assigned
}
