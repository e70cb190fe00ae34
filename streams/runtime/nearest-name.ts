// The known name a mistyped one most likely meant.

/** The nearest of `known` by edit distance, letter case apart; null when none is near (a third of the letters differ). */
export function nearestName(name: string, known: readonly string[]): string | null {
  // A name longer than any sensible one would cost a quadratic walk for nothing.
  if (name.length > 64) return null
  let nearest: string | null = null
  let nearestDistance = Number.POSITIVE_INFINITY
  for (const candidate of known) {
    const distance = editDistance(name.toLowerCase(), candidate.toLowerCase())
    if (distance < nearestDistance) {
      nearest = candidate
      nearestDistance = distance
    }
  }
  const tolerated = Math.max(2, Math.ceil(name.length / 3))
  return nearestDistance <= tolerated ? nearest : null
}

/** Levenshtein distance. O(left x right). */
function editDistance(left: string, right: string): number {
  let previous = Array.from({ length: right.length + 1 }, (_, column) => column)
  for (let row = 1; row <= left.length; row++) {
    const current = [row]
    for (let column = 1; column <= right.length; column++) {
      const substituted = previous[column - 1]! + (left[row - 1] === right[column - 1] ? 0 : 1)
      current.push(Math.min(substituted, previous[column]! + 1, current[column - 1]! + 1))
    }
    previous = current
  }
  return previous[right.length]!
}
