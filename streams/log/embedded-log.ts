// The log of one process: segment files under one folder, which it locks. An append resolves when its records are synced;
// after any crash every acknowledged record is there once, in order, under dense offsets.
import type { TopicSpec } from '../../schemas/topics.ts'
import type { Disk } from '../runtime/disk.ts'
import { FreshetError } from '../runtime/errors.ts'
import type { Runtime } from '../runtime/runtime.ts'
import { compact } from './compaction.ts'
import { GroupCoordinator } from './group-coordinator.ts'
import type { AppendOutcome, Log, NewRecord, Offset, ReadPosition, TopicPartition } from './log.ts'
import { readCheckpoint, writeCheckpoint } from './log-checkpoint.ts'
import { defaultLogLimits, type LogLimits } from './log-limits.ts'
import { partitionForKey } from './murmur2.ts'
import type { PartitionLog } from './partition-log.ts'
import { offsetAtTime, PartitionReader } from './partition-reader.ts'
import type { Repair } from './partition-recovery.ts'
import { eventIdBytesMax, framedBytes, keyBytesMax } from './record-frame.ts'
import { applyRetention } from './retention.ts'
import { openTopic, readTopicSpecs, type Topic, writeTopicSpec } from './topic-folder.ts'

export interface EmbeddedLogOptions extends Partial<LogLimits> {
  readonly disk: Disk
  readonly directory: string
  readonly runtime: Runtime
}

export interface EmbeddedLog extends Log {
  /** Torn tails that were cut when the log was opened. */
  readonly repairs: readonly Repair[]
  /** Event ids dropped before their time because a partition saw more than eventIdsMax. */
  readonly eventIdsForgottenEarly: number
  /** Runs retention and compaction now. */
  maintain(): Promise<void>
}

/** Opens or creates the log in a folder. Throws log-locked while another process has it, log-corrupt for damage. */
export async function embeddedLog(options: EmbeddedLogOptions): Promise<EmbeddedLog> {
  const { disk, directory, runtime } = options
  await disk.makeDirectory(directory)
  const lock = await disk.lock(directory)
  if (!lock) {
    throw new FreshetError('log-locked', `${directory} belongs to a running process: stop it, or talk to it`, {
      details: { directory },
    })
  }
  try {
    const log = new SegmentedLog({ ...defaultLogLimits, ...definedOf(options), disk, directory, runtime }, () =>
      lock.release(),
    )
    await log.open()
    return log
  } catch (error) {
    await lock.release()
    throw error
  }
}

type ResolvedOptions = LogLimits & EmbeddedLogOptions

class SegmentedLog implements EmbeddedLog {
  readonly repairs: Repair[] = []
  private readonly options: ResolvedOptions
  private readonly release: () => Promise<void>
  private readonly byName = new Map<string, Topic>()
  private readonly creating = new Map<string, Promise<void>>()
  private readonly readers = new Set<PartitionReader>()
  private readonly groupsOf: GroupCoordinator
  private inFlightBytes = 0
  private checkpointDue = false
  private writing: Promise<void> = Promise.resolve()
  private maintaining: Promise<void> | null = null
  private stopTimers: (() => void)[] = []
  private closing: Promise<void> | null = null

  constructor(options: ResolvedOptions, release: () => Promise<void>) {
    this.options = options
    this.release = release
    this.groupsOf = new GroupCoordinator({
      partitionsOf: (topic) => this.topicOf(topic).spec.partitions,
      openPartitionReader: (position, onClose) => this.readerAt(position, onClose),
      onCommitted: () => {
        this.checkpointDue = true
      },
    })
  }

  async open(): Promise<void> {
    const { disk, directory, runtime } = this.options
    const checkpoint = await readCheckpoint(disk, directory)
    for (const [group, offsets] of checkpoint.committed) this.groupsOf.committed.set(group, offsets)
    for (const spec of await readTopicSpecs(disk, directory)) {
      const { topic, repairs } = await openTopic(this.options, spec, checkpoint.durable.get(spec.name) ?? [])
      this.byName.set(spec.name, topic)
      this.repairs.push(...repairs)
    }
    const { checkpointEveryMs, maintainEveryMs } = this.options
    this.stopTimers.push(runtime.timers.every(checkpointEveryMs, () => this.checkpointIfDue()))
    if (maintainEveryMs > 0) {
      // A failed round is tried again; what made it fail shows at the next append or read.
      this.stopTimers.push(runtime.timers.every(maintainEveryMs, () => this.maintain().catch(() => {})))
    }
  }

  async ensureTopic(spec: TopicSpec): Promise<void> {
    this.checkOpen()
    // One creation of a name at a time; whoever comes second checks what the first made.
    const running = this.creating.get(spec.name) ?? Promise.resolve()
    const mine = running.catch(() => {}).then(() => this.createOrCheck(spec))
    this.creating.set(spec.name, mine)
    await mine
  }

  async topics(): Promise<TopicSpec[]> {
    this.checkOpen()
    return [...this.byName.values()].map((topic) => topic.spec)
  }

  async append(topicName: string, records: readonly NewRecord[]): Promise<AppendOutcome[]> {
    this.checkOpen()
    const topic = this.topicOf(topicName)
    const bytes = this.checkRecords(topic, records)
    const outcomes = new Array<AppendOutcome>(records.length)
    if (records.length === 0) return outcomes
    this.inFlightBytes += bytes
    try {
      if (topic.partitions.length === 1) await topic.partitions[0]!.append(records, null, outcomes)
      else await appendByPartition(topic, records, outcomes)
      this.checkpointDue = true
      return outcomes
    } finally {
      this.inFlightBytes -= bytes
    }
  }

  async bounds(position: TopicPartition) {
    const partition = this.partitionOf(position)
    return { earliest: partition.earliest as Offset, latest: partition.latest as Offset }
  }

  async offsetAt(position: TopicPartition, timestampMs: number): Promise<Offset> {
    return (await offsetAtTime(this.partitionOf(position), timestampMs)) as Offset
  }

  async openReader(position: ReadPosition): Promise<PartitionReader> {
    return this.readerAt(position, () => {})
  }

  async joinGroup(options: Parameters<Log['joinGroup']>[0]) {
    this.checkOpen()
    return this.groupsOf.join(options)
  }

  async groups(): Promise<string[]> {
    this.checkOpen()
    return [...this.groupsOf.committed.keys()].sort()
  }

  async committed(group: string, topic: string) {
    this.checkOpen()
    return new Map(this.groupsOf.committed.get(group)?.get(topic))
  }

  get eventIdsForgottenEarly(): number {
    let sum = 0
    for (const partition of this.partitions()) sum += partition.window?.forgottenEarly ?? 0
    return sum
  }

  maintain(): Promise<void> {
    this.maintaining ??= this.maintainAll().finally(() => {
      this.maintaining = null
    })
    return this.maintaining
  }

  close(): Promise<void> {
    this.closing ??= this.closeAll()
    return this.closing
  }

  private async maintainAll(): Promise<void> {
    this.checkOpen()
    for (const partition of this.partitions()) {
      if (partition.spec().retentionMs !== null) await applyRetention(partition, this.options)
      if (partition.spec().compacted) await compact(partition, this.options)
    }
  }

  private async closeAll(): Promise<void> {
    await this.groupsOf.close()
    for (const stop of this.stopTimers) stop()
    for (const reader of [...this.readers])
      reader.stop(new FreshetError('log-closed', 'the log is closed: open it again'))
    try {
      await this.maintaining?.catch(() => {})
      await Promise.all([...this.creating.values()].map((creation) => creation.catch(() => {})))
      await Promise.all([...this.partitions()].map((partition) => partition.close()))
      await this.checkpointIfDue()
    } finally {
      await this.release()
    }
  }

  private async createOrCheck(spec: TopicSpec): Promise<void> {
    const known = this.byName.get(spec.name)
    const { disk, directory } = this.options
    if (!known) {
      await writeTopicSpec(disk, directory, spec)
      const { topic } = await openTopic(this.options, spec, [])
      this.byName.set(spec.name, topic)
      return
    }
    if (known.spec.partitions !== spec.partitions || known.spec.compacted !== spec.compacted) {
      const has = `${known.spec.partitions} partitions${known.spec.compacted ? ', compacted' : ''}`
      throw new FreshetError(
        'topic-mismatch',
        `topic ${spec.name} has ${has}: use the same, or another name or folder`,
        {
          details: { topic: spec.name, has: known.spec, wanted: spec },
        },
      )
    }
    if (JSON.stringify(known.spec) === JSON.stringify(spec)) return
    await writeTopicSpec(disk, directory, spec)
    known.spec = spec
  }

  /** Bytes of the records; refuses what is too large or too much. */
  private checkRecords(topic: Topic, records: readonly NewRecord[]): number {
    const { recordBytesMax, inFlightBytesMax } = this.options
    let bytes = 0
    for (const record of records) {
      const size = framedBytes(record)
      bytes += size
      const { key, eventId = '', partition = 0 } = record
      const tooLong =
        (key !== null && key.length * 3 > keyBytesMax && Buffer.byteLength(key) > keyBytesMax) ||
        (eventId.length * 3 > eventIdBytesMax && Buffer.byteLength(eventId) > eventIdBytesMax)
      if (size > recordBytesMax || tooLong) {
        throw new FreshetError(
          'record-too-large',
          `a record of ${size} bytes for ${topic.spec.name}: at most ` +
            `${recordBytesMax}, its key ${keyBytesMax}, its event id ${eventIdBytesMax}: split it or store it as a blob`,
        )
      }
      if (partition < 0 || partition >= topic.spec.partitions) throw noPartition(topic.spec.name, partition)
    }
    if (this.inFlightBytes > 0 && this.inFlightBytes + bytes > inFlightBytesMax) {
      throw new FreshetError('overloaded', `${this.inFlightBytes} bytes wait for the disk: append again later`, {
        details: { inFlightBytes: this.inFlightBytes, inFlightBytesMax },
      })
    }
    return bytes
  }

  private readerAt(position: ReadPosition, onClose: (reader: PartitionReader) => void): PartitionReader {
    const partition = this.partitionOf(position)
    if (position.from > partition.latest) {
      const where = `${position.topic}/${position.partition}`
      throw new FreshetError(
        'log-position-out-of-range',
        `${where} ends at ${partition.latest}, before ${position.from}: ` +
          'was the log replaced? start from its bounds',
        { details: { ...position, latest: partition.latest } },
      )
    }
    const reader = new PartitionReader(
      partition,
      position.from,
      this.options.runtime,
      this.options.readBytesMax,
      (closed) => {
        this.readers.delete(closed)
        onClose(closed)
      },
    )
    this.readers.add(reader)
    return reader
  }

  private checkpointIfDue(): Promise<void> {
    this.writing = this.writing
      .catch(() => {})
      .then(async () => {
        if (!this.checkpointDue) return
        this.checkpointDue = false
        const durable = new Map([...this.byName].map(([name, topic]) => [name, topic.partitions.map((p) => p.latest)]))
        try {
          await writeCheckpoint(this.options.disk, this.options.directory, {
            committed: this.groupsOf.committed,
            durable,
          })
        } catch {
          // The next interval tries again; until then a crash repeats commits, which is what commits allow.
          this.checkpointDue = true
        }
      })
    return this.writing
  }

  private *partitions(): Iterable<PartitionLog> {
    for (const topic of this.byName.values()) yield* topic.partitions
  }

  private topicOf(name: string): Topic {
    const topic = this.byName.get(name)
    if (topic) return topic
    throw new FreshetError('topic-unknown', `no topic ${name}: create it with ensureTopic`, {
      details: { topic: name },
    })
  }

  private partitionOf({ topic, partition }: TopicPartition): PartitionLog {
    this.checkOpen()
    const found = this.topicOf(topic).partitions[partition]
    if (!found) throw noPartition(topic, partition)
    return found
  }

  private checkOpen(): void {
    if (this.closing) throw new FreshetError('log-closed', 'the log is closed: open it again')
  }
}

async function appendByPartition(
  topic: Topic,
  records: readonly NewRecord[],
  outcomes: AppendOutcome[],
): Promise<void> {
  const indicesByPartition = new Map<number, number[]>()
  for (let index = 0; index < records.length; index++) {
    const record = records[index]!
    const partition = record.partition ?? partitionForKey(record.key, topic.partitions.length)
    const indices = indicesByPartition.get(partition)
    if (indices) indices.push(index)
    else indicesByPartition.set(partition, [index])
  }
  const appends = [...indicesByPartition].map(([partition, indices]) =>
    topic.partitions[partition]!.append(records, indices, outcomes),
  )
  const results = await Promise.allSettled(appends)
  for (const result of results) if (result.status === 'rejected') throw result.reason
}

function noPartition(topic: string, partition: number): FreshetError {
  return new FreshetError('topic-mismatch', `${topic} has no partition ${partition}: look at its topic spec`, {
    details: { topic, partition },
  })
}

/** Options without those given as undefined, which would hide the defaults. */
function definedOf(options: EmbeddedLogOptions): Partial<LogLimits> {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined))
}
