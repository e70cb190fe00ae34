// Appends to topics keyed by user, and remembers how far each user's own writes reach, so that his next page can reflect
// them.

import { interactions } from '../../schemas/topics.ts'
import type { AppendOutcome, Log, NewRecord } from '../../streams/log/log.ts'
import { assert, FreshetError } from '../../streams/runtime/errors.ts'
import type { Timers } from '../../streams/runtime/runtime.ts'
import type { FeedRequest } from '../shard.ts'
import { boundedMap } from './bounded-map.ts'
import { withDeadline } from './deadline.ts'
import type { InFlightLimit } from './in-flight-limit.ts'

/** What the gateway needs of a log. */
export type GatewayLog = Pick<Log, 'append'>

export interface UserLog {
  /** Durable when it resolves. Rejects with overloaded past the bound on appends, log-unavailable past the deadline
   *  (the append may still land: events sent again with their eventId take effect once). */
  append(topic: string, records: readonly NewRecord[]): Promise<AppendOutcome[]>
  /** The same without bound or deadline, for records that must get there. */
  appendPatiently(topic: string, records: readonly NewRecord[]): Promise<AppendOutcome[]>
  /** How far the user's partition of `interactions` must be read to hold what he was told is in; null: not known. */
  reflect(userId: string): FeedRequest['reflect']
  forget(userId: string): void
}

export function userLog(parts: {
  readonly log: GatewayLog
  readonly timers: Timers
  readonly appends: InFlightLimit
  readonly appendDeadlineMs: number
  readonly partitions: number
  readonly usersMax: number
}): UserLog {
  const reached = boundedMap<string, { partition: number; next: number }>(parts.usersMax)

  async function appendPatiently(topic: string, records: readonly NewRecord[]): Promise<AppendOutcome[]> {
    const outcomes = await parts.log.append(topic, records)
    assert(outcomes.length === records.length, 'a log answers each record')
    if (topic === interactions) for (const [index, outcome] of outcomes.entries()) remember(records[index]!, outcome)
    return outcomes
  }

  function remember(record: NewRecord, { partition, offset }: AppendOutcome): void {
    assert(partition < parts.partitions, 'the log has the partitions the gateway was told of')
    if (record.key === null || offset < 0) return
    const before = reached.get(record.key)
    const next = offset + 1
    if (!before || before.partition !== partition || before.next < next) reached.set(record.key, { partition, next })
  }

  return {
    appendPatiently,
    append: (topic, records) =>
      parts.appends.run(async () => {
        const work = appendPatiently(topic, records)
        const timely = await withDeadline(parts.timers, parts.appendDeadlineMs, work)
        if (!timely.late) return timely.value
        work.catch(() => {})
        throw new FreshetError(
          'log-unavailable',
          `the log did not acknowledge within ${parts.appendDeadlineMs} ms; send the events again with the same eventId`,
        )
      }),
    reflect: (userId) => reached.get(userId) ?? null,
    forget: (userId) => reached.delete(userId),
  }
}
