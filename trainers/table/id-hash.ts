// The hash that places ids: a bijection of 64-bit numbers (Steele et al. 2014, the finalizer of SplitMix64), so that an
// order by hash is an order of ids. Its top bits choose slice and segment, its low bits the admission counter.

/** The hash of one id. */
export function hashOf(id: bigint): bigint {
  let x = id
  x = BigInt.asUintN(64, (x ^ (x >> 30n)) * 0xbf58476d1ce4e5b9n)
  x = BigInt.asUintN(64, (x ^ (x >> 27n)) * 0x94d049bb133111ebn)
  return x ^ (x >> 31n)
}

/** The hashes of many ids; halves instead of bigints, which would be allocated. */
export function hashesOf(ids: BigUint64Array): BigUint64Array {
  return mapped(ids, (pair) => {
    shiftXor(pair, 30)
    multiply(pair, 0xbf58476d, 0x1ce4e5b9)
    shiftXor(pair, 27)
    multiply(pair, 0x94d049bb, 0x133111eb)
    shiftXor(pair, 31)
  })
}

/** The ids with these hashes. */
export function idsOfHashes(hashes: BigUint64Array): BigUint64Array {
  return mapped(hashes, (pair) => {
    shiftXor(pair, 31, 62)
    multiply(pair, 0x319642b2, 0xd24d8ec3)
    shiftXor(pair, 27, 54)
    multiply(pair, 0x96de1b17, 0x3f119089)
    shiftXor(pair, 30, 60)
  })
}

interface Pair {
  low: number
  high: number
}

function mapped(values: BigUint64Array, change: (pair: Pair) => void): BigUint64Array {
  const out = values.slice()
  const halves = new Uint32Array(out.buffer)
  const pair = { low: 0, high: 0 }
  for (let index = 0; index < halves.length; index += 2) {
    pair.low = halves[index]!
    pair.high = halves[index + 1]!
    change(pair)
    halves[index] = pair.low
    halves[index + 1] = pair.high
  }
  return out
}

/** x ^= x >> bits, or with a second, larger shift x ^= (x >> bits) ^ (x >> further). */
function shiftXor(pair: Pair, bits: number, further = 64): void {
  const { low, high } = pair
  pair.low = (low ^ ((low >>> bits) | (high << (32 - bits)))) >>> 0
  pair.high = (high ^ (high >>> bits)) >>> 0
  if (further < 64) pair.low = (pair.low ^ (high >>> (further - 32))) >>> 0
}

/** The low 64 bits of the product. */
function multiply(pair: Pair, high: number, low: number): void {
  const cross = Math.imul(pair.high, low) + Math.imul(pair.low, high)
  pair.high = (upperProduct(pair.low, low) + cross) >>> 0
  pair.low = Math.imul(pair.low, low) >>> 0
}

/** Bits 32 to 63 of the product of two 32-bit numbers, by 16-bit digits. */
function upperProduct(left: number, right: number): number {
  const leftLow = left & 0xffff
  const leftHigh = left >>> 16
  const rightLow = right & 0xffff
  const rightHigh = right >>> 16
  const middle = leftHigh * rightLow + ((leftLow * rightLow) >>> 16)
  const carry = (middle & 0xffff) + leftLow * rightHigh
  return leftHigh * rightHigh + (middle >>> 16) + (carry >>> 16)
}
