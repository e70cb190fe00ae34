// Ids: strings outside, 64-bit inside. A row id is XXH64 of the UTF-8 text, seeded by the slot, so that equal texts of
// different slots stay apart; 0 is reserved for "absent".

import { v7 } from 'uuid'
import xxhash from 'xxhash-wasm'

type Brand<T, Name extends string> = T & { readonly __brand: Name }
/** 64-bit id of one row: what embedding tables and count tables are keyed by. */
export type RowId = Brand<bigint, 'RowId'>
export type UserId = string
export type VideoId = string
export type CreatorId = string
export type RequestId = string

export const absentRowId = 0n as RowId

const { h64, h64Raw, create64 } = await xxhash()
const seedBySlot = new Map<string, bigint>()

/** Seed of a slot: XXH64 of its name. */
export function slotSeed(slot: string): bigint {
  let seed = seedBySlot.get(slot)
  if (seed === undefined) {
    seed = h64(slot)
    seedBySlot.set(slot, seed)
  }
  return seed
}

/** Row id of `text` in `slot`. 10^9 ids of one slot: 0.03 expected colliding pairs. */
export function rowId(slot: string, text: string): RowId {
  const id = h64(text, slotSeed(slot))
  return (id === 0n ? 1n : id) as RowId
}

/**
 * Row id of a pair of row ids in a crossed slot, e.g. user x hashtag. Not symmetric. Absent when either side is.
 * xxHash's 64-bit avalanche over both. asUintN after every step lets the engine compute in machine words: 0.1 microseconds.
 */
export function crossRowId(slot: string, left: RowId, right: RowId): RowId {
  if (left === absentRowId || right === absentRowId) return absentRowId
  let h = BigInt.asUintN(64, left ^ slotSeed(slot))
  h = BigInt.asUintN(64, (h ^ (h >> 33n)) * 0xff51afd7ed558ccdn)
  h = BigInt.asUintN(64, (h ^ (h >> 33n)) + BigInt.asUintN(64, right * 0x9e3779b97f4a7c15n))
  h = BigInt.asUintN(64, (h ^ (h >> 33n)) * 0xc4ceb9fe1a85ec53n)
  h = BigInt.asUintN(64, h ^ (h >> 33n))
  return (h === 0n ? 1n : h) as RowId
}

/** The hash copies what it is given into memory of its own, which never shrinks. */
const hashedBytesMax = 1 << 22

/** XXH64 of bytes as 16 hex digits. */
export function checksum(bytes: Uint8Array, seed = 0n): string {
  if (bytes.byteLength <= hashedBytesMax) return hexOf(h64Raw(bytes, seed))
  const running = runningChecksum(seed)
  running.update(bytes)
  return running.digest()
}

export interface RunningChecksum {
  update(bytes: Uint8Array): void
  /** Of all bytes so far; more may follow. */
  digest(): string
}

/** `checksum` of bytes that come in parts, however they are cut. */
export function runningChecksum(seed = 0n): RunningChecksum {
  const hash = create64(seed)
  return {
    update(bytes) {
      for (let at = 0; at < bytes.byteLength; at += hashedBytesMax) hash.update(bytes.subarray(at, at + hashedBytesMax))
    },
    digest: () => hexOf(hash.digest()),
  }
}

function hexOf(hash: bigint): string {
  return hash.toString(16).padStart(16, '0')
}

/** Identity of an example: derived, never drawn, so that every replay names it the same. */
export function exampleId(requestId: RequestId, position: number, attributionPolicy: string): string {
  return hexOf(h64(`${requestId}\n${position}\n${attributionPolicy}`))
}

/** Uniform number in [0, 1) that depends on nothing but the text and the purpose: sampling that replays the same. */
export function uniformOf(text: string, purpose: string): number {
  return Number(h64(text, slotSeed(purpose)) >> 11n) / 2 ** 53
}

/**
 * Event id derived from a text: the same text is the same event, however often it is imported. 122 bits of two XXH64 under
 * different seeds, written as a UUID of version 8 (RFC 9562: custom).
 */
export function derivedEventId(text: string): string {
  const high = h64(text, slotSeed('derived event id, high')).toString(16).padStart(16, '0')
  const low = h64(text, slotSeed('derived event id, low')).toString(16).padStart(16, '0')
  const variant = (8 + (Number.parseInt(low[0]!, 16) & 3)).toString(16)
  return `${high.slice(0, 8)}-${high.slice(8, 12)}-8${high.slice(13)}-${variant}${low.slice(1, 4)}-${low.slice(4)}`
}

/** A drawn id, for events that bring none and for requests. */
export function timeOrderedId(nowMs: number): string {
  return v7({ msecs: nowMs })
}
