// How questions to a serving shard and its answers travel: JSON, beside it a page's FeedServed as the log will hold it.
// Numbers that JSON does not know come through as well.

import { decode, encode } from '../schemas/codec.ts'
import { FreshetError } from '../streams/runtime/errors.ts'
import { decodeSections, encodeSections } from '../trainers/model/sections.ts'
import type { FeedOutcome, FeedRequest } from './shard.ts'

export type ShardQuestion = 'feed' | 'video' | 'explain' | 'status'
export const shardMethodOf = (shard: string, question: ShardQuestion): string => `${shard}.${question}`
/** The name of a process's only shard. */
export const onlyShard = 'shard'

const servedSection = 'served'

export function encodeJson(value: unknown): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(value, withNumbers))
}

/** Throws `usage` on bytes that are no JSON. */
export function decodeJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes), asNumbers)
  } catch (cause) {
    throw notOurs('no JSON', cause)
  }
}

/** Checks what the shard would trip over; the gateway checked the rest. */
export function decodeFeedRequest(bytes: Uint8Array): FeedRequest {
  const request = decodeJson(bytes) as FeedRequest | null
  const field = (['requestId', 'userId', 'feed'] as const).find((name) => typeof request?.[name] !== 'string')
  if (field) throw notOurs(`${field} is no text`)
  if (!Number.isInteger(request!.limit) || request!.limit < 1) throw notOurs('limit is no number of entries')
  return request!
}

export function encodeFeedOutcome(outcome: FeedOutcome): Uint8Array {
  if (outcome.status !== 'ok') return encodeSections({ outcome: JSON.stringify(outcome) }, new Map())
  const { served, ...page } = outcome.page
  const text = JSON.stringify({ ...outcome, page }, withNumbers)
  return encodeSections({ outcome: text }, new Map(served ? [[servedSection, encode(served)]] : []))
}

/** Bytes in `served` are views of `bytes`. Throws `usage` on anything else than an outcome. */
export function decodeFeedOutcome(bytes: Uint8Array): FeedOutcome {
  const { facts, sectionByName } = sectionsOf(bytes)
  const outcome = decodeJson(new TextEncoder().encode(String(facts?.outcome))) as FeedOutcome | null
  if (outcome?.status === 'bad-cursor') return outcome
  if (outcome?.status !== 'ok') throw notOurs('no outcome of a feed request')
  const section = sectionByName.get(servedSection)
  const served = section ? decode(section) : null
  if (served && served.type !== 'FeedServed') throw notOurs(`${served.type} in the place of FeedServed`)
  return { ...outcome, page: { ...outcome.page, served } }
}

function sectionsOf(bytes: Uint8Array) {
  try {
    return decodeSections(bytes)
  } catch (cause) {
    throw notOurs('no sections', cause)
  }
}

function notOurs(reason: string, cause?: unknown): FreshetError {
  return new FreshetError('usage', `serving shard: ${reason}; both ends need one version`, { cause })
}

const numberKey = '~number'

function withNumbers(_name: string, value: unknown): unknown {
  return typeof value === 'number' && !Number.isFinite(value) ? { [numberKey]: String(value) } : value
}

function asNumbers(_name: string, value: unknown): unknown {
  const text = (value as { readonly [numberKey]?: unknown } | null)?.[numberKey]
  return typeof text === 'string' ? Number(text) : value
}
