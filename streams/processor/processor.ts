// What every mover of Freshet is: a fold of one topic-partition that emits records. The runner gives it checkpoints,
// output positions, dead letters, lag and back-pressure; the fold itself reads no clock and draws nothing.
import type { AnyRecord } from '../../schemas/generated.ts'
import type { Offset, Partition } from '../log/log.ts'

/** A decoded record with its position. */
export interface Recorded<R extends AnyRecord = AnyRecord> {
  readonly topic: string
  readonly partition: Partition
  readonly offset: Offset
  readonly key: string | null
  readonly timestampMs: number
  readonly record: R
}

export interface StepOutput {
  /** Appends to a topic, under the position (input offset, ordinal). Without `partition`, the input's own partition
   *  where the topic has as many, else by key. A null record deletes the key of a compacted topic. */
  emit(topic: string, key: string | null, record: AnyRecord | null, partition?: Partition): void
  /** The input record is bad: it goes to the dead-letter topic with this reason and the partition moves on. */
  reject(reason: string): void
}

export interface Processor {
  readonly name: string
  /** Read after each step; true: a checkpoint is due at once, and the state it takes ends the wish. */
  readonly wantsCheckpoint?: boolean
  /** Folds one record into the state. Throws only for programmer errors. A promise holds the partition until it resolves:
   *  for the few folds that must ask elsewhere first. One that rejects with `stopped` after `stop` ends the runner without
   *  a final checkpoint. */
  step(input: Recorded, output: StepOutput): void | Promise<void>
  /** Told before the runner stops: a step that waits must reject with `stopped`. */
  stop?(): void
  /** Bytes of the whole state; equal states give equal bytes. */
  dump(): Uint8Array
  /** The same bytes as `dump` in parts of a few milliseconds' work each, for large states: the runner lets others run between
   *  parts and folds nothing meanwhile. A part is written later: it must not change after it was given. */
  dumpParts?(): Iterable<Uint8Array>
  /** Replaces the state by a dump. Throws RangeError for one that does not fit; another is loaded then. */
  load(dump: Uint8Array): void
}
