// How old an event is when what it taught can be served, counted in six bins to a doubling: quantiles are at most 12 %
// too high.

const binsPerDoubling = 6
const binMsMin = 1
const bins = binsPerDoubling * 32

export interface FreshnessHistogram {
  readonly examples: number
  record(ageMs: number, examples: number): void
  /** Milliseconds under which this share of the examples lies; null before the first. */
  quantile(share: number): number | null
  /** Upper edges in milliseconds with the examples in each bin, empty bins left out. */
  counts(): { readonly upToMs: number; readonly examples: number }[]
}

export function freshnessHistogram(): FreshnessHistogram {
  const counts = new Float64Array(bins)
  let total = 0
  const upperEdge = (bin: number): number => binMsMin * 2 ** ((bin + 1) / binsPerDoubling)
  return {
    get examples() {
      return total
    },
    record(ageMs, examples) {
      const bin = ageMs <= binMsMin ? 0 : Math.min(bins - 1, Math.floor(Math.log2(ageMs / binMsMin) * binsPerDoubling))
      counts[bin] = counts[bin]! + examples
      total += examples
    },
    quantile(share) {
      if (total === 0) return null
      let below = 0
      for (let bin = 0; bin < bins; bin++) {
        below += counts[bin]!
        if (below >= share * total) return upperEdge(bin)
      }
      return upperEdge(bins - 1)
    },
    counts: () => [...counts].flatMap((examples, bin) => (examples > 0 ? [{ upToMs: upperEdge(bin), examples }] : [])),
  }
}
