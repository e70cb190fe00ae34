// The log of another thread or process, over a channel: the same port, with the same promises.
import { FreshetError } from '../runtime/errors.ts'
import { nextTurn } from '../runtime/next-turn.ts'
import { type ChannelCalls, callsOver } from './channel-calls.ts'
import type {
  GroupMember,
  GroupOptions,
  Log,
  LogRecord,
  Offset,
  Partition,
  Reader,
  ReadPosition,
  TopicPartition,
} from './log.ts'
import type { LogChannel } from './log-channel.ts'
import { packNewRecords, unpackLogRecords, unpackOutcomes } from './packed-records.ts'

export interface RemoteLogLimits {
  /** Bytes sent and not yet answered; more is refused as overloaded. */
  readonly inFlightBytesMax: number
  /** Bytes of one append; within what the channel carries. */
  readonly appendBytesMax: number
}

const defaultLimits: RemoteLogLimits = { inFlightBytesMax: 64 * 1024 * 1024, appendBytesMax: 60 * 1024 * 1024 }

type OpenedReader = { readonly reader: number; readonly position: Offset }

/** A log over the channel; serveLog is at its other end. close() ends the channel, not the log behind it. */
export function remoteLog(channel: LogChannel, limits: Partial<RemoteLogLimits> = {}): Log {
  const { inFlightBytesMax, appendBytesMax } = { ...defaultLimits, ...limits }
  const optionsByMember = new Map<number, GroupOptions>()
  let closing: Promise<void> | null = null
  let inFlightBytes = 0

  // The answer to joinGroup and the first assignment may arrive together: the next turn puts the one before the other.
  const handlers = {
    async assigned({ member, partitions }: { member: number; partitions: TopicPartition[] }) {
      await nextTurn()
      await optionsByMember.get(member)?.onAssigned(partitions)
    },
    async revoked({ member, partitions }: { member: number; partitions: TopicPartition[] }) {
      await nextTurn()
      await optionsByMember.get(member)?.onRevoked(partitions)
    },
  }
  // Members of a log that is gone own nothing any more; their owners see it at their next call.
  const calls = callsOver(channel, handlers, () => optionsByMember.clear())
  const isClosed = () => closing !== null
  const open: ChannelCalls['call'] = (method, argument, transfer) =>
    isClosed() ? Promise.reject(logClosed()) : calls.call(method, argument, transfer)

  async function openReader(position: ReadPosition, member?: number): Promise<Reader> {
    const opened = await open<OpenedReader>('openReader', member === undefined ? { position } : { position, member })
    return remoteReader(calls, position, opened, isClosed)
  }

  return {
    ensureTopic: (spec) => open('ensureTopic', spec),
    topics: () => open('topics'),
    async append(topic, records) {
      const packed = packNewRecords(records)
      const bytes = packed.byteLength
      if (bytes > appendBytesMax) {
        throw new FreshetError('record-too-large', `an append of ${bytes} bytes, at most ${appendBytesMax}: split it`)
      }
      if (inFlightBytes > 0 && inFlightBytes + bytes > inFlightBytesMax) {
        throw new FreshetError('overloaded', `${inFlightBytes} bytes wait for the log: append again later`)
      }
      inFlightBytes += bytes
      try {
        return unpackOutcomes(await open('append', { topic, records: packed }, [packed.buffer]))
      } finally {
        inFlightBytes -= bytes
      }
    },
    bounds: (position) => open('bounds', position),
    offsetAt: (position, timestampMs) => open('offsetAt', { position, timestampMs }),
    openReader: (position) => openReader(position),
    async joinGroup(options) {
      const { group, topics } = options
      const { member, memberId } = await open<{ member: number; memberId: string }>('joinGroup', { group, topics })
      optionsByMember.set(member, options)
      const handle: GroupMember = {
        memberId,
        openReader: (position) => openReader(position, member),
        commit: (position, next) => calls.call('commit', { member, position, next }),
        async leave() {
          await calls.call('leave', member)
          optionsByMember.delete(member)
        },
      }
      return handle
    },
    groups: () => open('groups'),
    async committed(group, topic) {
      return new Map(await open<[Partition, Offset][]>('committed', { group, topic }))
    },
    close() {
      closing ??= calls
        .call<void>('end')
        .catch(() => {})
        .then(() => calls.close())
      return closing
    },
  }
}

function remoteReader(
  calls: ChannelCalls,
  { topic, partition }: ReadPosition,
  opened: OpenedReader,
  isClosed: () => boolean,
): Reader {
  let position = opened.position
  let closed = false
  return {
    get position() {
      return position
    },
    async next({ recordsMax, waitMsMax }): Promise<LogRecord[]> {
      if (closed || isClosed()) throw logClosed()
      const request = { reader: opened.reader, recordsMax, waitMsMax }
      const answer = await calls.call<{ records: Uint8Array; position: Offset }>('next', request)
      position = answer.position
      return unpackLogRecords(answer.records, topic, partition)
    },
    async close() {
      if (closed) return
      closed = true
      if (!calls.gone) await calls.call('closeReader', opened.reader).catch(() => {})
    },
  }
}

function logClosed(): FreshetError {
  return new FreshetError('log-closed', 'the reader or its log is closed: open it again')
}
