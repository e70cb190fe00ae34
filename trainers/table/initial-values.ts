// What a missing row reads as, and what a new one starts with.

import type { TableSpec } from './table.ts'

/** Uniform in [-scale, scale], from the id and the seed alone (murmur3's 32-bit finalizer over both halves). */
export function initialValues({ dimension, initialScale, seed }: TableSpec, id: bigint): Float32Array {
  const values = new Float32Array(dimension)
  if (initialScale === 0 || id === 0n) return values
  const scale = Math.fround(initialScale)
  const low = mixed(Number(id & 0xffffffffn) ^ seed)
  const high = mixed(Number(id >> 32n) + low)
  for (let column = 0; column < dimension; column++) {
    const bits = mixed(high ^ mixed(low + Math.imul(column + 1, 0x9e3779b9)))
    const odd = (((bits >>> 9) << 1) | 1) - 2 ** 23
    values[column] = odd * 2 ** -23 * scale
  }
  return values
}

function mixed(bits: number): number {
  let x = bits | 0
  x = Math.imul(x ^ (x >>> 16), 0x85ebca6b)
  x = Math.imul(x ^ (x >>> 13), 0xc2b2ae35)
  return (x ^ (x >>> 16)) | 0
}
