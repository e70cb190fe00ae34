// Several serving shards of the same users as one: a question is asked of the first that is well, and of the next where
// that fails, so that a request fails only when all do. A shard that failed is left alone until it says that it is ready.

import { type ErrorCode, FreshetError } from '../streams/runtime/errors.ts'
import type { Clock } from '../streams/runtime/runtime.ts'
import type { ServingShard, ShardStatus } from './shard.ts'

export interface FailoverOptions {
  readonly clock: Clock
  /** No other shard is asked once a question is this old. */
  readonly deadlineMs?: number
  /** How often a shard that failed is asked whether it is ready again, beside questions to the others. */
  readonly probeEveryMs?: number
}

export interface FailoverShard extends ServingShard {
  /** Questions that a shard did not answer and the next was asked. */
  readonly failovers: number
}

interface Member {
  readonly shard: ServingShard
  /** Null: well. */
  failedAtMs: number | null
  probedAtMs: number
}

/** What says that the shard, not the question, is at fault. */
const faults: ReadonlySet<ErrorCode> = new Set([
  'peer-unavailable',
  'deadline-exceeded',
  'shard-unavailable',
  'stopped',
])

/** `shards` in order of preference: of one mind, so that a user's pages come from one view while it is well. */
export function failoverShard(shards: readonly ServingShard[], options: FailoverOptions): FailoverShard {
  const { clock, deadlineMs = 3_000, probeEveryMs = 500 } = options
  const members = shards.map((shard): Member => ({ shard, failedAtMs: null, probedAtMs: 0 }))
  let failovers = 0

  function judge(member: Member, isWell: boolean): void {
    if (isWell) member.failedAtMs = null
    else member.failedAtMs ??= clock.monotonicMs()
    if (!isWell) member.probedAtMs = clock.monotonicMs()
  }

  async function statusOf(member: Member): Promise<ShardStatus> {
    try {
      const status = await member.shard.status()
      judge(member, status.ready)
      return status
    } catch (error) {
      judge(member, false)
      throw error
    }
  }

  /** The well ones, then the others, those that failed longest ago first: they may be back. */
  function inOrder(): Member[] {
    const nowMs = clock.monotonicMs()
    for (const member of members) {
      if (member.failedAtMs === null || nowMs - member.probedAtMs < probeEveryMs) continue
      member.probedAtMs = nowMs
      void statusOf(member).catch(() => {})
    }
    return [...members].sort((left, right) => (left.failedAtMs ?? -1) - (right.failedAtMs ?? -1))
  }

  /** The first answer that is wanted, else the last one. */
  async function ask<T>(question: (shard: ServingShard) => Promise<T>, isWanted: (answer: T) => boolean): Promise<T> {
    const startMs = clock.monotonicMs()
    let unwanted: { readonly answer: T } | null = null
    let failure: unknown = new FreshetError('shard-unavailable', 'there is no serving shard; start one')
    for (const [place, member] of inOrder().entries()) {
      if (place > 0 && clock.monotonicMs() - startMs >= deadlineMs) break
      try {
        const answer = await question(member.shard)
        if (isWanted(answer)) return answer
        unwanted = { answer }
      } catch (error) {
        if (!(error instanceof FreshetError && error.retryable)) throw error
        if (faults.has(error.code)) judge(member, false)
        failure = error
        failovers++
      }
    }
    if (unwanted) return unwanted.answer
    throw failure
  }

  const any = (): boolean => true
  return {
    feed: (request) => ask((shard) => shard.feed(request), any),
    video: (videoId) => ask((shard) => shard.video(videoId), any),
    // A page is remembered by the shard that made it, and by others once the log told them.
    explain: (requestId) =>
      ask(
        (shard) => shard.explain(requestId),
        (answer) => answer !== null,
      ),
    async status() {
      const statuses = await Promise.allSettled(members.map(statusOf))
      const answered = statuses.flatMap((status) => (status.status === 'fulfilled' ? [status.value] : []))
      const best = answered.find(({ ready }) => ready) ?? answered[0]
      if (best) return best
      throw statuses[0]?.status === 'rejected'
        ? statuses[0].reason
        : new FreshetError('shard-unavailable', 'there is no serving shard; start one')
    },
    get failovers() {
      return failovers
    },
  }
}
