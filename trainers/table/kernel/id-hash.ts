// The hash that places ids: a bijection (Steele et al. 2014, the finalizer of SplitMix64). From the top: the bits that
// choose slice and segment, bits 32 to 43 the slot, and the low ones the admission counter.

// @ts-ignore: decorator
@inline
export function hashOf(id: u64): u64 {
  let x = id
  x ^= x >> 30
  x *= 0xbf58476d1ce4e5b9
  x ^= x >> 27
  x *= 0x94d049bb133111eb
  return x ^ (x >> 31)
}

export function idOfHash(hash: u64): u64 {
  let x = hash
  x ^= (x >> 31) ^ (x >> 62)
  x *= 0x319642b2d24d8ec3
  x ^= (x >> 27) ^ (x >> 54)
  x *= 0x96de1b173f119089
  return x ^ (x >> 30) ^ (x >> 60)
}
