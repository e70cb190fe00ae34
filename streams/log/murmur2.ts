// The partition of a key, as the Java client's default partitioner and kafkajs compute it: murmur2 of the UTF-8 bytes
// (Austin Appleby, public domain), sign bit cleared, modulo the partition count.

const seed = 0x9747b28c
const multiplier = 0x5bd1e995

/** Signed 32-bit murmur2 of the bytes. */
export function murmur2(bytes: Uint8Array): number {
  const length = bytes.length
  let hash = seed ^ length
  const whole = length & ~3
  for (let at = 0; at < whole; at += 4) {
    let word = bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)
    word = Math.imul(word, multiplier)
    word ^= word >>> 24
    hash = Math.imul(hash, multiplier) ^ Math.imul(word, multiplier)
  }
  const left = length & 3
  if (left === 3) hash ^= bytes[whole + 2]! << 16
  if (left >= 2) hash ^= bytes[whole + 1]! << 8
  if (left >= 1) hash = Math.imul(hash ^ bytes[whole]!, multiplier)
  hash ^= hash >>> 13
  hash = Math.imul(hash, multiplier)
  return hash ^ (hash >>> 15)
}

const encoder = new TextEncoder()

/** Partition of a record by its key; records without a key go to partition 0. */
export function partitionForKey(key: string | null, partitions: number): number {
  if (key === null || partitions === 1) return 0
  return (murmur2(encoder.encode(key)) & 0x7fffffff) % partitions
}
