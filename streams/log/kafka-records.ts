// A record of the log as a Kafka message and back: event id and source travel as headers.
import type { Message } from 'kafkajs'
import type { FetchedMessage } from './kafka-cluster.ts'
import type { LogRecord, NewRecord, Offset, Partition } from './log.ts'

const eventIdHeader = 'event-id'
const sourceHeader = 'source'

export function messageOf(record: NewRecord, partition: number): Message {
  const { key, value, timestampMs, eventId, source } = record
  const headers: Record<string, string> = {}
  if (eventId !== undefined) headers[eventIdHeader] = eventId
  if (source) headers[sourceHeader] = `${source.offset}:${source.ordinal}`
  return {
    key,
    value: value && Buffer.from(value.buffer, value.byteOffset, value.byteLength),
    timestamp: String(timestampMs),
    partition,
    headers,
  }
}

export function recordOfMessage(topic: string, partition: number, message: FetchedMessage): LogRecord {
  const eventId = headerText(message, eventIdHeader)
  const source = headerText(message, sourceHeader)
  const colon = source?.indexOf(':') ?? 0
  return {
    topic,
    partition: partition as Partition,
    offset: Number(message.offset) as Offset,
    key: message.key === null ? null : message.key.toString('utf8'),
    value: message.value,
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
