// One spell of encoding, from taking `videos` over to handing it on. Batches of all inputs take turns: folded, their vectors
// made durable, then counted as done, so a checkpoint never runs ahead of the vectors. A bucket whose deltas have a gap
// waits for a snapshot of its owner while the others go on.

import { decode, encode } from '../../schemas/codec.ts'
import { deltasOf, snapshotsOf, vectorsOf, videos } from '../../schemas/topics.ts'
import {
  type GroupMember,
  type LogRecord,
  type NewRecord,
  type Offset,
  offsetOf,
  partitionOf,
  type Reader,
  type TopicPartition,
} from '../../streams/log/log.ts'
import type { StepOutput } from '../../streams/processor/processor.ts'
import { ModelSnapshots } from '../model/model-snapshots.ts'
import { loadEncoderCheckpoint, putEncoderCheckpoint } from './encoder-checkpoint.ts'
import type { EncoderRunnerOptions } from './encoder-runner.ts'

export interface EncoderSessionOptions extends EncoderRunnerOptions {
  /** The partition of `videos`. */
  readonly place: TopicPartition
  readonly member: Promise<GroupMember>
  readonly counts: { badRecords: number; gaps: number }
}

const recordsPerTurnMax = 256
const waitMsMax = 1_000
/** Deltas come four times a second while there is training. */
const restAfterMs = 900

/** Starts at once. */
export class EncoderSession {
  /** Rejects with what made going on impossible; stays pending otherwise. */
  readonly failed: Promise<never>
  private readonly options: EncoderSessionOptions
  private readonly snapshots: ModelSnapshots
  private readonly nextByPlace = new Map<string, Offset>()
  private readonly stopping = new AbortController()
  private readonly failure = Promise.withResolvers<never>()
  private readonly running: Promise<void>
  private turn: Promise<void> = Promise.resolve()
  private checkpointedMs: number
  private foldedMs: number
  private restored = false

  constructor(options: EncoderSessionOptions) {
    this.options = options
    this.failed = this.failure.promise
    this.checkpointedMs = options.runtime.clock.monotonicMs()
    this.foldedMs = this.checkpointedMs
    this.snapshots = new ModelSnapshots({
      blobs: options.blobs,
      load: (_model, bucket, snapshot) => this.inTurn(async () => options.encoder.loadSnapshot(bucket, snapshot)),
      // A blob that cannot be used: the next announcement is waited for.
      onError: () => {
        options.counts.badRecords++
      },
    })
    this.running = this.run().catch((error) => this.fail(error))
  }

  /** Stops reading and, unless it failed, checkpoints. */
  async end(): Promise<void> {
    const isFailed = this.stopping.signal.aborted
    this.stopping.abort()
    await this.running
    if (this.restored && !isFailed) await this.inTurn(() => this.checkpoint())
  }

  private async run(): Promise<void> {
    const { log, model, place } = this.options
    await this.restore()
    const specs = await log.topics()
    const partitionsOf = (topic: string): TopicPartition[] => {
      const count = specs.find(({ name }) => name === topic)?.partitions ?? 0
      return Array.from({ length: count }, (_, number) => ({ topic, partition: partitionOf(number) }))
    }
    await this.notePublished(partitionsOf(vectorsOf(model)))
    const places = [place, ...partitionsOf(deltasOf(model)), ...partitionsOf(snapshotsOf(model))]
    await Promise.all(places.map((one) => this.read(one).catch((error) => this.fail(error))))
  }

  private fail(error: unknown): void {
    if (this.stopping.signal.aborted) return
    this.stopping.abort()
    this.failure.reject(error)
  }

  private async read(place: TopicPartition): Promise<void> {
    const { signal } = this.stopping
    const { earliest } = await this.options.log.bounds(place)
    const from = offsetOf(Math.max(earliest, this.nextByPlace.get(nameOf(place)) ?? 0))
    const reader = await this.openReader({ ...place, from })
    // A read that waits for records must not hold the end up.
    const close = (): void => void reader.close()
    signal.addEventListener('abort', close)
    try {
      while (!signal.aborted) {
        const records = await reader.next({ recordsMax: recordsPerTurnMax, waitMsMax })
        await this.take(place, records, reader.position)
      }
    } finally {
      signal.removeEventListener('abort', close)
      await reader.close()
    }
  }

  /** Only `videos` is the group's to hand out. */
  private async openReader(position: TopicPartition & { readonly from: Offset }): Promise<Reader> {
    return position.topic === videos
      ? (await this.options.member).openReader(position)
      : this.options.log.openReader(position)
  }

  private async take(place: TopicPartition, records: readonly LogRecord[], next: Offset): Promise<void> {
    const { signal } = this.stopping
    if (place.topic === snapshotsOf(this.options.model)) {
      for (const record of records) this.noteSnapshot(record)
      return
    }
    if (place.topic === videos && records.length === 0) await this.rest()
    let taken = 0
    while (taken < records.length && !signal.aborted) {
      await this.inTurn(async () => {
        taken += await this.fold(place, records.slice(taken), next)
      })
      if (taken === records.length || signal.aborted) continue
      this.options.counts.gaps++
      await this.snapshots.loadNext(this.options.model, place.partition, signal)
    }
  }

  /** One batch at a time, of whichever input. */
  private inTurn(task: () => Promise<void>): Promise<void> {
    const mine = this.turn.then(task)
    this.turn = mine.catch(() => {})
    return mine
  }

  /** When no input came for a while, what waits is carried on, slice by slice, until it is done or something comes. */
  private async rest(): Promise<void> {
    const { clock } = this.options.runtime
    let hasMore = true
    while (hasMore && !this.stopping.signal.aborted && clock.monotonicMs() - this.foldedMs >= restAfterMs) {
      await this.inTurn(() =>
        this.published((output) => {
          hasMore = this.options.encoder.idle(output)
        }),
      )
    }
  }

  /** Makes durable what the task emits. */
  private async published(task: (output: StepOutput) => void): Promise<void> {
    const { log, runtime, counts } = this.options
    const outputs = new Map<string, NewRecord[]>()
    const timestampMs = runtime.clock.nowMs()
    task({
      emit(topic, key, record) {
        const value = record === null ? null : encode(record)
        const known = outputs.get(topic)
        if (known) known.push({ key, value, timestampMs })
        else outputs.set(topic, [{ key, value, timestampMs }])
      },
      reject() {
        counts.badRecords++
      },
    })
    for (const [topic, produced] of outputs) await log.append(topic, produced)
  }

  /** Gives how many records it folded: all, or those before a gap. */
  private async fold(place: TopicPartition, records: readonly LogRecord[], next: Offset): Promise<number> {
    const { runtime, member } = this.options
    let folded = 0
    await this.published((output) => {
      folded = this.foldInto(records, output)
    })
    this.foldedMs = runtime.clock.monotonicMs()
    const done = folded === records.length ? next : records[folded]!.offset
    this.nextByPlace.set(nameOf(place), done)
    if (place.topic === videos) await (await member).commit(place, done)
    if (runtime.clock.monotonicMs() - this.checkpointedMs > this.options.checkpointEveryMs) await this.checkpoint()
    return folded
  }

  private foldInto(records: readonly LogRecord[], output: StepOutput): number {
    const { encoder, counts } = this.options
    let folded = 0
    for (const { value, ...position } of records) {
      const record = value === null ? null : decode(value)
      if (record === null || record.type === 'undecodable') counts.badRecords++
      else if (record.type === 'Delta' && encoder.misses(record)) break
      else encoder.step({ ...position, record }, output)
      folded++
    }
    return folded
  }

  private noteSnapshot({ value, timestampMs }: LogRecord): void {
    const record = value === null ? null : decode(value)
    if (record?.type === 'SnapshotTaken') this.snapshots.announced(record, timestampMs)
  }

  /** What an earlier life published after the checkpoint; without one, whatever there is. */
  private async notePublished(places: readonly TopicPartition[]): Promise<void> {
    const { encoder, log } = this.options
    for (const place of places) {
      const { earliest, latest } = await log.bounds(place)
      const from = offsetOf(Math.max(earliest, this.nextByPlace.get(nameOf(place)) ?? 0))
      const reader = await log.openReader({ ...place, from })
      while (reader.position < latest && !this.stopping.signal.aborted) {
        const records = await reader.next({ recordsMax: recordsPerTurnMax, waitMsMax })
        // The end of a compacted topic may have no record.
        if (records.length === 0) break
        for (const { value } of records) {
          const record = value === null ? null : decode(value)
          if (record && 'generation' in record) encoder.published(record.generation)
        }
      }
      await reader.close()
      this.nextByPlace.set(nameOf(place), latest)
    }
  }

  private async checkpoint(): Promise<void> {
    const { blobs, encoder, log, model, runtime } = this.options
    this.checkpointedMs = runtime.clock.monotonicMs()
    const vectors = { topic: vectorsOf(model), partition: partitionOf(0) }
    this.nextByPlace.set(nameOf(vectors), (await log.bounds(vectors)).latest)
    await putEncoderCheckpoint(blobs, model, encoder, this.nextByPlace)
  }

  private async restore(): Promise<void> {
    const { blobs, encoder, model } = this.options
    const nextByPlace = await loadEncoderCheckpoint(blobs, model, encoder)
    for (const [place, next] of nextByPlace) this.nextByPlace.set(place, next)
    this.restored = true
  }
}

function nameOf({ topic, partition }: TopicPartition): string {
  return `${topic}/${partition}`
}
