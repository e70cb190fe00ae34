// Every limit of the embedded log, with the reason for its value.

export interface LogLimits {
  /** A segment is closed before it grows past this; u32 positions allow 4 GiB. Retention and compaction act on whole
   *  segments, so smaller means finer and more files. */
  readonly segmentBytesMax: number
  /** Bytes accepted and not yet durable, over all partitions. More is refused as overloaded. */
  readonly inFlightBytesMax: number
  /** One record: key, event id and value. */
  readonly recordBytesMax: number
  /** Bytes of one write and sync; the rest waits for the next. */
  readonly groupBytesMax: number
  /** Bytes of records one `next` returns, if it returns more than one. */
  readonly readBytesMax: number
  /** Newest batches of a partition kept in memory for readers at its end. */
  readonly recentBytesMax: number
  /** Event ids remembered per partition; 32 bytes each at most. */
  readonly eventIdsMax: number
  /** How often retention and compaction run; 0: only when asked. */
  readonly maintainEveryMs: number
  /** How long a deletion stays in a compacted topic, so that readers that follow see it. */
  readonly tombstoneMs: number
  /** How often committed offsets are written, if they changed. */
  readonly checkpointEveryMs: number
}

export const defaultLogLimits: LogLimits = {
  segmentBytesMax: 64 * 1024 * 1024,
  inFlightBytesMax: 64 * 1024 * 1024,
  recordBytesMax: 8 * 1024 * 1024,
  groupBytesMax: 8 * 1024 * 1024,
  readBytesMax: 4 * 1024 * 1024,
  recentBytesMax: 4 * 1024 * 1024,
  eventIdsMax: 4_000_000,
  maintainEveryMs: 30_000,
  tombstoneMs: 24 * 3_600_000,
  checkpointEveryMs: 1_000,
}
