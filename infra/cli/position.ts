// Positions as the command line writes them: earliest, latest, offset=N, ts=2026-11-21T10:00Z, last=1h.
import type { Log, Offset, TopicPartition } from '../../streams/log/log.ts'
import { offsetOf } from '../../streams/log/log.ts'
import { FreshetError } from '../../streams/runtime/errors.ts'

export type Position =
  | { readonly kind: 'earliest' }
  | { readonly kind: 'latest' }
  | { readonly kind: 'offset'; readonly offset: number }
  | { readonly kind: 'time'; readonly timeMs: number }

const unitMs: Readonly<Record<string, number>> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 }

/** Throws usage, naming the forms, on anything else. `nowMs` anchors last=. */
export function parsePosition(text: string, nowMs: number): Position {
  if (text === 'earliest' || text === 'latest') return { kind: text }
  const [name, value] = split(text)
  if (name === 'offset' && /^\d{1,15}$/.test(value)) return { kind: 'offset', offset: Number(value) }
  if (name === 'ts') {
    const timeMs = /^\d{12,14}$/.test(value) ? Number(value) : Date.parse(withZone(value))
    if (Number.isFinite(timeMs)) return { kind: 'time', timeMs }
  }
  const last = name === 'last' ? /^(\d+)([smhd])$/.exec(value) : null
  if (last) return { kind: 'time', timeMs: nowMs - Number(last[1]) * unitMs[last[2]!]! }
  throw new FreshetError(
    'usage',
    `"${text}" is not a position; write earliest, latest, offset=N, ts=2026-11-21T10:00Z or last=1h`,
  )
}

/** The offset that a position means in one partition. */
export async function resolvePosition(log: Log, partition: TopicPartition, position: Position): Promise<Offset> {
  const { earliest, latest } = await log.bounds(partition)
  if (position.kind === 'earliest') return earliest
  if (position.kind === 'latest') return latest
  if (position.kind === 'time') return log.offsetAt(partition, position.timeMs)
  return offsetOf(Math.min(Math.max(position.offset, earliest), latest))
}

function split(text: string): [string, string] {
  const at = text.indexOf('=')
  return at < 0 ? [text, ''] : [text.slice(0, at), text.slice(at + 1)]
}

/** A time without a zone would be read in the machine's own; positions are UTC. */
function withZone(text: string): string {
  return /(Z|[+-]\d\d:?\d\d)$/.test(text) ? text : `${text}Z`
}
