// Random numbers that a seed decides: the same seed and number give the same draws on every machine.

export interface SeededRandom {
  /** Uniform in [0, 1). */
  next(): number
  /** Uniform integer in [0, bound). */
  below(bound: number): number
  /** Uniform in [low, high). */
  between(low: number, high: number): number
  /** True with this probability. */
  chance(probability: number): boolean
}

/** mulberry32 (Tommy Ettinger): 32 bits of state, enough for behaviour, not for statistics of rare events. */
export function seededRandom(seed: number, stream = 0): SeededRandom {
  let state = mix32(seed, stream)
  const next = () => {
    state = (state + 0x6d2b79f5) | 0
    let bits = Math.imul(state ^ (state >>> 15), state | 1)
    bits ^= bits + Math.imul(bits ^ (bits >>> 7), bits | 61)
    return ((bits ^ (bits >>> 14)) >>> 0) / 2 ** 32
  }
  return {
    next,
    below: (bound) => Math.floor(next() * bound),
    between: (low, high) => low + (high - low) * next(),
    chance: (probability) => next() < probability,
  }
}

/** A well-mixed unsigned 32-bit number of two (murmur3's finalizer over both). Not symmetric. */
export function mix32(left: number, right: number): number {
  let h = Math.imul(left ^ 0x9e3779b9, 0x85ebca6b) ^ Math.imul(right | 0, 0xc2b2ae35)
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b)
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35)
  return (h ^ (h >>> 16)) >>> 0
}
