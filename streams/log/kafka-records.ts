// A message of Kafka as a record of the log: event id and source travel as headers.
import type { FetchedMessage } from './kafka-cluster.ts'
import type { LogRecord, Offset, Partition, SourcePosition } from './log.ts'

export const eventIdHeader = 'event-id'
export const sourceHeader = 'source'

export const sourceText = ({ offset, ordinal }: SourcePosition): string => `${offset}:${ordinal}`

/** `ownsValue`: the value becomes a copy, not a view of what the message stood in. */
export function recordOfMessage(
  topic: string,
  partition: number,
  message: FetchedMessage,
  ownsValue = false,
): LogRecord {
  const eventId = headerText(message, eventIdHeader)
  const source = headerText(message, sourceHeader)
  const colon = source?.indexOf(':') ?? 0
  return {
    topic,
    partition: partition as Partition,
    offset: Number(message.offset) as Offset,
    key: message.key === null ? null : message.key.toString('utf8'),
    value: ownsValue && message.value !== null ? Buffer.from(message.value) : message.value,
    timestampMs: Number(message.timestamp),
    ...(eventId === undefined ? {} : { eventId }),
    ...(source === undefined
      ? {}
      : { source: { offset: Number(source.slice(0, colon)) as Offset, ordinal: Number(source.slice(colon + 1)) } }),
  }
}

function headerText({ headers }: FetchedMessage, name: string): string | undefined {
  const value = headers[name]
  return (Array.isArray(value) ? value[0] : value)?.toString('utf8')
}
