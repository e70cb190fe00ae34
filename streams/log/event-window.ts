// The event ids one partition has seen within a time window, with the offset each got. An id is remembered for at least
// the window and at most a quarter longer. Ids are kept as 64 bits of hash: among 10^7 remembered ids, a new one is taken
// for a repeat with probability 5e-13. Memory: 16 bytes a slot, at most 32 bytes an id; past `idsMax` the oldest
// quarter is forgotten early and counted.

const generationsPerWindow = 4
const firstSlots = 1024

interface Generation {
  readonly startedMs: number
  newestMs: number
  count: number
  /** Two hash words a slot; both 0 is an empty slot. */
  hashes: Uint32Array
  offsets: Float64Array
}

export class EventWindow {
  forgottenEarly = 0
  private readonly windowMs: number
  private readonly idsMax: number
  private readonly generations: Generation[] = []
  private readonly hash = new Uint32Array(2)

  constructor(windowMs: number, idsMax: number) {
    this.windowMs = windowMs
    this.idsMax = idsMax
  }

  get size(): number {
    let sum = 0
    for (const generation of this.generations) sum += generation.count
    return sum
  }

  /** Offset of the record that has this id, or -1. */
  find(eventId: string): number {
    hashText(eventId, this.hash)
    return this.findHash()
  }

  /** Remembers the id under its offset. */
  add(eventId: string, offset: number, nowMs: number): void {
    hashText(eventId, this.hash)
    this.addHash(offset, nowMs)
  }

  /** The same for an id that stands as bytes in a batch. */
  addBytes(bytes: Uint8Array, start: number, end: number, offset: number, nowMs: number): void {
    hashBytes(bytes, start, end, this.hash)
    this.addHash(offset, nowMs)
  }

  /** Takes back ids whose append failed: those with an offset at or after `offset`. */
  forgetFrom(offset: number): void {
    for (const generation of this.generations) {
      const { hashes, offsets } = generation
      const kept = emptyGeneration(generation.startedMs, offsets.length)
      kept.newestMs = generation.newestMs
      for (let slot = 0; slot < offsets.length; slot++) {
        if ((hashes[2 * slot] === 0 && hashes[2 * slot + 1] === 0) || offsets[slot]! >= offset) continue
        insert(kept, hashes[2 * slot]!, hashes[2 * slot + 1]!, offsets[slot]!)
      }
      Object.assign(generation, kept)
    }
  }

  /** Drops what is older than the window. */
  expire(nowMs: number): void {
    while (this.generations.length > 0 && this.generations[0]!.newestMs < nowMs - this.windowMs)
      this.generations.shift()
  }

  private findHash(): number {
    const low = this.hash[0]!
    const high = this.hash[1]!
    for (let index = this.generations.length - 1; index >= 0; index--) {
      const { hashes, offsets } = this.generations[index]!
      const mask = offsets.length - 1
      for (let slot = low & mask; ; slot = (slot + 1) & mask) {
        const slotLow = hashes[2 * slot]!
        const slotHigh = hashes[2 * slot + 1]!
        if (slotLow === low && slotHigh === high) return offsets[slot]!
        if (slotLow === 0 && slotHigh === 0) break
      }
    }
    return -1
  }

  private addHash(offset: number, nowMs: number): void {
    const generation = this.newest(nowMs)
    if (2 * (generation.count + 1) > generation.offsets.length) grow(generation)
    insert(generation, this.hash[0]!, this.hash[1]!, offset)
    generation.newestMs = Math.max(generation.newestMs, nowMs)
  }

  private newest(nowMs: number): Generation {
    const last = this.generations.at(-1)
    const full = last && last.count >= this.idsMax / generationsPerWindow
    if (last && !full && nowMs - last.startedMs < this.windowMs / generationsPerWindow) return last
    this.expire(nowMs)
    if (this.generations.length > 0 && this.size >= this.idsMax) {
      this.forgottenEarly += this.generations.shift()!.count
    }
    const generation = emptyGeneration(nowMs, firstSlots)
    this.generations.push(generation)
    return generation
  }
}

function emptyGeneration(startedMs: number, slots: number): Generation {
  return {
    startedMs,
    newestMs: startedMs,
    count: 0,
    hashes: new Uint32Array(2 * slots),
    offsets: new Float64Array(slots),
  }
}

function insert(generation: Generation, low: number, high: number, offset: number): void {
  const { hashes, offsets } = generation
  const mask = offsets.length - 1
  let slot = low & mask
  while (hashes[2 * slot] !== 0 || hashes[2 * slot + 1] !== 0) slot = (slot + 1) & mask
  hashes[2 * slot] = low
  hashes[2 * slot + 1] = high
  offsets[slot] = offset
  generation.count++
}

function grow(generation: Generation): void {
  const { hashes, offsets } = generation
  const bigger = emptyGeneration(generation.startedMs, offsets.length * 2)
  for (let slot = 0; slot < offsets.length; slot++) {
    if (hashes[2 * slot] === 0 && hashes[2 * slot + 1] === 0) continue
    insert(bigger, hashes[2 * slot]!, hashes[2 * slot + 1]!, offsets[slot]!)
  }
  generation.hashes = bigger.hashes
  generation.offsets = bigger.offsets
}

function hashText(text: string, out: Uint32Array): void {
  let low = 0x9e3779b9
  let high = 0x85ebca6b
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index)
    if (code > 127) {
      const bytes = Buffer.from(text)
      hashBytes(bytes, 0, bytes.length, out)
      return
    }
    low = Math.imul(low ^ code, 0x5bd1e995)
    low ^= low >>> 15
    high = Math.imul(high ^ code, 0x1b873593)
    high = (high << 13) | (high >>> 19)
  }
  finish(low, high, text.length, out)
}

function hashBytes(bytes: Uint8Array, start: number, end: number, out: Uint32Array): void {
  let low = 0x9e3779b9
  let high = 0x85ebca6b
  for (let index = start; index < end; index++) {
    const code = bytes[index]!
    low = Math.imul(low ^ code, 0x5bd1e995)
    low ^= low >>> 15
    high = Math.imul(high ^ code, 0x1b873593)
    high = (high << 13) | (high >>> 19)
  }
  finish(low, high, end - start, out)
}

/** The finalizer of murmur3, crossing the two words, so that each output bit depends on every input bit. */
function finish(lowIn: number, highIn: number, length: number, out: Uint32Array): void {
  let low = lowIn ^ length
  let high = Math.imul(highIn ^ low, 0xcc9e2d51)
  high ^= high >>> 16
  high = Math.imul(high, 0x85ebca6b)
  high ^= high >>> 13
  low = Math.imul(low ^ high, 0xc2b2ae35)
  low ^= low >>> 16
  high = Math.imul(high ^ highIn, 0x27d4eb2f)
  high ^= high >>> 15
  out[0] = low === 0 && high === 0 ? 1 : low >>> 0
  out[1] = high >>> 0
}
