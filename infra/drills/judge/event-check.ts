// Whether what clients were promised is in the log, once.
import { decode } from '../../../schemas/codec.ts'
import { deadLetterOf, interactions, videos } from '../../../schemas/topics.ts'
import type { Ledger } from '../../processes/persistent-clients.ts'
import { type Finding, FindingBuilder } from './finding.ts'
import type { LogContents } from './log-reader.ts'

export function eventCheck(contents: LogContents, ledger: Ledger): Finding {
  const found = new FindingBuilder('acknowledged events are in the log once')
  const countByEventId = new Map<string, number>()
  const pages = new Map<string, number>()
  for (const { value } of [...contents.all(interactions), ...contents.all(videos)]) {
    const record = value && decode(value)
    if (!record || record.type === 'undecodable') continue
    if ('eventId' in record) countByEventId.set(record.eventId, (countByEventId.get(record.eventId) ?? 0) + 1)
    if (record.type === 'FeedServed') pages.set(record.requestId, (pages.get(record.requestId) ?? 0) + 1)
  }
  for (const eventId of [...ledger.acknowledgedEventIds, ...ledger.videoEventIds]) {
    found.compared++
    if (!countByEventId.has(eventId)) {
      found.lost++
      found.differs(`event ${eventId} was acknowledged and is not in the log`)
    }
  }
  for (const requestId of ledger.loggedRequestIds) {
    found.compared++
    if (!pages.has(requestId)) {
      found.lost++
      found.differs(`page ${requestId} was said to be logged and is not`)
    }
  }
  for (const [name, count] of [...countByEventId, ...pages]) {
    if (count > 1) {
      found.doubled += count - 1
      found.differs(`${name} is in the log ${count} times`)
    }
  }
  for (const broken of ledger.broken) found.differs(broken)
  for (const topic of contents.topics) {
    if (!topic.endsWith(deadLetterOf(''))) continue
    for (const { value } of contents.all(topic)) {
      found.differs(
        `${topic} holds ${Buffer.from(value ?? [])
          .toString('utf8')
          .slice(0, 300)}`,
      )
    }
  }
  return found.finding()
}
