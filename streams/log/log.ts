// The event log port: topics of partitions of records, Kafka's semantics, whatever the driver. Every driver passes the
// same suite; the embedded one is the reference.
import type { TopicSpec } from '../../schemas/topics.ts'

type Brand<T, Name extends string> = T & { readonly __brand: Name }
export type Partition = Brand<number, 'Partition'>
export type Offset = Brand<number, 'Offset'>
export const partitionOf = (value: number): Partition => value as Partition
export const offsetOf = (value: number): Offset => value as Offset

/** Where an output came from: offset of the input record and number of the output among those it caused. */
export interface SourcePosition {
  readonly offset: Offset
  readonly ordinal: number
}

export interface NewRecord {
  /** Chooses the partition (murmur2, as Kafka clients compute it) unless `partition` says it; null: partition 0. */
  readonly key: string | null
  /** null deletes the key in a compacted topic. */
  readonly value: Uint8Array | null
  /** Time of the record as the log knows it (when it was accepted), UTC milliseconds. */
  readonly timestampMs: number
  readonly partition?: Partition
  /** Takes effect once within the topic's idempotenceMs. */
  readonly eventId?: string
  readonly source?: SourcePosition
}

export interface LogRecord {
  readonly topic: string
  readonly partition: Partition
  readonly offset: Offset
  readonly key: string | null
  readonly value: Uint8Array | null
  readonly timestampMs: number
  readonly eventId?: string
  readonly source?: SourcePosition
}

/** `duplicate`: an earlier record with this eventId has effect; its position is given where it is known. */
export interface AppendOutcome {
  readonly status: 'appended' | 'duplicate'
  readonly partition: Partition
  /** -1 where a duplicate's offset is not known. */
  readonly offset: Offset
}

export interface PartitionBounds {
  /** Offset of the oldest record still held. */
  readonly earliest: Offset
  /** Offset the next record will get. */
  readonly latest: Offset
}

export interface ReadPosition {
  readonly topic: string
  readonly partition: Partition
  /** First offset to return. One before `earliest` is moved up to it; one past `latest` is refused with
   *  log-position-out-of-range. */
  readonly from: Offset
}

export interface NextOptions {
  readonly recordsMax: number
  /** How long to wait for the first record; 0 returns at once. */
  readonly waitMsMax: number
}

/** Reads one partition in offset order. Offsets may have gaps (compaction), never repeats. */
export interface Reader {
  /** At least one record, or none when the wait ran out. One call at a time. */
  next(options: NextOptions): Promise<LogRecord[]>
  /** Offset after the last record returned. */
  readonly position: Offset
  close(): Promise<void>
}

export interface TopicPartition {
  readonly topic: string
  readonly partition: Partition
}

export interface GroupOptions {
  readonly group: string
  /** Equal partition numbers of these topics go to the same member. */
  readonly topics: readonly string[]
  /** Called with partitions now owned; the member may read them. */
  onAssigned(partitions: readonly TopicPartition[]): Promise<void>
  /** Called before others get them, where the driver can; stop reading, checkpoint, and commit, then return. */
  onRevoked(partitions: readonly TopicPartition[]): Promise<void>
}

export interface GroupMember {
  readonly memberId: string
  /** Reader of an owned partition. */
  openReader(position: ReadPosition): Promise<Reader>
  /** Records progress: the next offset to process. For lag and for a first start; checkpoints are the truth. */
  commit(position: TopicPartition, next: Offset): Promise<void>
  leave(): Promise<void>
}

export interface Log {
  /** Creates the topic, or checks that it is there with these partitions (else topic-mismatch). */
  ensureTopic(spec: TopicSpec): Promise<void>
  topics(): Promise<TopicSpec[]>
  /** Resolves when every record is durable, outcomes in the order given. Records of one call to one partition are
   *  adjacent in order. Rejects with overloaded when too much is in flight. */
  append(topic: string, records: readonly NewRecord[]): Promise<AppendOutcome[]>
  bounds(position: TopicPartition): Promise<PartitionBounds>
  /** Offset of the first record whose timestampMs is at or after the time; `latest` when there is none. */
  offsetAt(position: TopicPartition, timestampMs: number): Promise<Offset>
  /** A reader outside any group. */
  openReader(position: ReadPosition): Promise<Reader>
  joinGroup(options: GroupOptions): Promise<GroupMember>
  groups(): Promise<string[]>
  /** Committed next offsets of a group, by partition. Partitions without a commit are missing. */
  committed(group: string, topic: string): Promise<Map<Partition, Offset>>
  close(): Promise<void>
}
