// The item encoder's state: rows, catalog, generations, and which videos wait to be encoded.
import type { AnyRecord, Delta, VideosRecord } from '../../schemas/generated.ts'
import { decodeDeltaRows } from '../../schemas/layouts/delta-rows.ts'
import type { Recorded, StepOutput } from '../../streams/processor/processor.ts'
import { assert } from '../../streams/runtime/errors.ts'
import type { ModelSpec } from '../model/model-spec.ts'
import { type DumpableReplica, replica } from '../model/replica.ts'
import { decodeSections, encodeSections, sectionOf } from '../model/sections.ts'
import { EncoderCatalog, isVideosRecord } from './encoder-catalog.ts'
import { Generations, type GenerationsFacts } from './generations.ts'
import type { ItemEncoder, ItemEncoderOptions } from './item-encoder.ts'

/** How far deltas usually are apart. */
const deltaIntervalMs = 100
/** Buckets have no common order: rows that come this far (log time) behind other buckets' may be missing from vectors. */
const lateMs = 250
const sliceVideosMin = 64
const sliceVideosMax = 512

interface EncoderFacts {
  readonly generations: GenerationsFacts
  readonly startedTimeMs: number | null
  /** Videos that the generation under way lacks, and those to be encoded anew. */
  readonly waiting: readonly string[]
  readonly stale: readonly string[]
  readonly isLate: boolean
  readonly mendedNumber: number
  readonly newestTimeMs: number
  readonly eventTimeMs: number
}

export class GenerationEncoder implements ItemEncoder {
  readonly name = 'item-encoder'
  readonly #spec: ModelSpec
  readonly #generationMs: number
  readonly #sliceVideos: number | null
  readonly #replica: DumpableReplica
  readonly #catalog = new EncoderCatalog()
  readonly #generations: Generations
  /** Videos that the generation under way still lacks. */
  #waiting = new Set<string>()
  /** Videos whose rows came with a snapshot or late: encoded anew, slice by slice, under the generations there are. */
  #stale = new Set<string>()
  /** Rows came late: every video becomes stale when nothing else waits, once in a generation and when nothing else comes. */
  #isLate = false
  /** Generation under which that was done last. */
  #mendedNumber = 0
  /** Newest log time of a delta. */
  #newestTimeMs = Number.MIN_SAFE_INTEGER
  #eventTimeMs = 0
  #publishedThrough = 0
  #startedTimeMs: number | null = null

  constructor({ spec, featureSet, tableFactory, buckets, generationMs, sliceVideos }: ItemEncoderOptions) {
    this.#spec = spec
    this.#generationMs = generationMs ?? 60_000
    this.#sliceVideos = sliceVideos ?? null
    this.#replica = replica(spec, tableFactory, { buckets: buckets ?? 1, tableNames: [spec.towers!.table] })
    this.#generations = new Generations(spec, featureSet, this.#replica)
  }

  get generation(): number {
    return this.#generations.current?.number ?? 0
  }

  get videos(): number {
    return this.#catalog.size
  }

  step(input: Recorded, output: StepOutput): void {
    const { record } = input
    if (!this.#generations.current) {
      this.#generations.begin()
      this.#generations.finish(this.#catalog.size, output, timeOf(record))
    }
    if (record.type === 'Delta') this.#applyDelta(record, input.timestampMs, output)
    else if (record.type === 'Tick') return
    else if (isVideosRecord(record)) this.#foldVideo(record, output)
    else {
      output.reject(`a ${record.type} is neither a delta nor about a video`)
      return
    }
    this.#eventTimeMs = timeOf(record)
    // Rows of other buckets that are about as old as the generation come before its first slice.
    const { buckets } = this.#replica.bucketing
    const isSettled = buckets === 1 || this.#newestTimeMs >= (this.#startedTimeMs ?? 0) + lateMs
    this.#carryOn(output, isSettled, this.#mendedNumber === this.generation)
  }

  idle(output: StepOutput): boolean {
    this.#carryOn(output, true, false)
    return this.#generations.next !== null || this.#stale.size > 0 || this.#isLate
  }

  misses(delta: Delta): boolean {
    const { buckets } = this.#replica.bucketing
    const isOwn = delta.model === this.#spec.model && delta.bucket >= 0 && delta.bucket < buckets
    return isOwn && this.#replica.outcomeOf(delta) === 'gap'
  }

  loadSnapshot(bucket: number, snapshot: Uint8Array): void {
    const { bucketing } = this.#replica
    if (!this.#replica.load(bucket, snapshot)) return
    if (bucket < bucketing.rowBuckets) {
      for (const videoId of this.#catalog.videosIn(bucket, bucketing)) this.#stale.add(videoId)
    }
    if (bucket !== bucketing.denseBucket) return
    // What is under way has the tensors of before: the next one takes its place.
    this.#generations.abandon(this.#publishedThrough)
    this.#waiting.clear()
    this.#startedTimeMs = Number.MIN_SAFE_INTEGER
  }

  published(generation: number): void {
    this.#publishedThrough = Math.max(this.#publishedThrough, generation)
  }

  dump(): Uint8Array {
    const facts: EncoderFacts = {
      generations: this.#generations.facts(),
      startedTimeMs: this.#startedTimeMs,
      waiting: [...this.#waiting],
      stale: [...this.#stale],
      isLate: this.#isLate,
      mendedNumber: this.#mendedNumber,
      newestTimeMs: this.#newestTimeMs,
      eventTimeMs: this.#eventTimeMs,
    }
    const sections = new Map<string, Uint8Array>([
      ['replica', this.#replica.dump()],
      ['catalog', this.#catalog.dump()],
    ])
    for (const [index, values] of this.#generations.values().entries()) sections.set(`tensor/${index}`, values)
    return encodeSections({ ...facts }, sections)
  }

  load(dump: Uint8Array): void {
    const sections = decodeSections(dump)
    const facts = sections.facts as unknown as EncoderFacts
    this.#replica.restore(sectionOf(sections, 'replica'))
    this.#catalog.load(sectionOf(sections, 'catalog'))
    const { generations } = facts
    const values = generations.tensors.map((_, index) => sectionOf(sections, `tensor/${index}`))
    this.#generations.restore(generations, values)
    this.#waiting = new Set(facts.waiting)
    this.#startedTimeMs = facts.startedTimeMs
    this.#stale = new Set(facts.stale)
    this.#isLate = facts.isLate
    this.#mendedNumber = facts.mendedNumber
    this.#newestTimeMs = facts.newestTimeMs
    this.#eventTimeMs = facts.eventTimeMs
  }

  #applyDelta(delta: Delta, timestampMs: number, output: StepOutput): void {
    try {
      const result = this.#replica.apply(delta)
      assert(result !== 'gap', `nothing is missing before version ${delta.version} of bucket ${delta.bucket}`)
      if (result !== 'applied') return
    } catch (cause) {
      if (!(cause instanceof RangeError)) throw cause
      output.reject(cause.message)
      return
    }
    const own = delta.tables.filter(({ table }) => table === this.#spec.towers!.table)
    const changed = own.flatMap(({ rows, dimension, half }) =>
      this.#catalog.videosOf(decodeDeltaRows(rows, dimension, half).ids),
    )
    this.#encode(changed, output, delta.eventTimeMs)
    // A video encoded meanwhile may share these rows.
    if (own.length > 0 && timestampMs < this.#newestTimeMs - lateMs) this.#isLate = true
    this.#newestTimeMs = Math.max(this.#newestTimeMs, timestampMs)
    if (delta.bucket === this.#replica.bucketing.denseBucket) this.#startGeneration(delta, timestampMs, output)
  }

  /** When a generation starts, and with which tensors, is decided by the deltas of the dense tensors alone: whoever follows
   *  them from the same state freezes the same tensors under the same number, however the other inputs came between. */
  #startGeneration(delta: Delta, timestampMs: number, output: StepOutput): void {
    this.#startedTimeMs ??= timestampMs
    if (timestampMs < this.#startedTimeMs + this.#generationMs) return
    this.#startedTimeMs = timestampMs
    if (this.#generations.next) this.#continue([...this.#waiting], output, delta.eventTimeMs)
    this.#generations.begin()
    // Every video is encoded with the rows as they are from here on.
    this.#isLate = false
    this.#waiting = new Set(this.#catalog.videoIds)
  }

  #foldVideo(record: VideosRecord, output: StepOutput): void {
    const change = this.#catalog.fold(record)
    if (change === 'encode') this.#encode([record.videoId], output, record.eventTimeMs)
    if (change !== 'remove') return
    this.#waiting.delete(record.videoId)
    this.#stale.delete(record.videoId)
    this.#generations.remove(record.videoId, output, record.eventTimeMs)
  }

  #encode(videoIds: readonly string[], output: StepOutput, eventTimeMs: number): void {
    this.#generations.encode(this.#factsOf(videoIds), output, eventTimeMs)
    for (const videoId of videoIds) {
      this.#waiting.delete(videoId)
      this.#stale.delete(videoId)
    }
  }

  #factsOf(videoIds: readonly string[]) {
    return videoIds.map((videoId) => this.#catalog.facts(videoId)!)
  }

  /** One slice of what is stale and one of the generation under way, and its end where nothing is missing any more. */
  #carryOn(output: StepOutput, isSettled: boolean, isMended: boolean): void {
    if (this.#stale.size > 0) this.#encode(this.#sliceOf(this.#stale), output, this.#eventTimeMs)
    if (this.#generations.next && isSettled) this.#continue(this.#sliceOf(this.#waiting), output, this.#eventTimeMs)
    if (!this.#isLate || isMended || this.#stale.size > 0 || this.#generations.next) return
    this.#isLate = false
    this.#mendedNumber = this.generation
    this.#stale = new Set(this.#catalog.videoIds)
  }

  /** Encodes those videos under the generation under way, which ends where they were the last. */
  #continue(videoIds: readonly string[], output: StepOutput, eventTimeMs: number): void {
    this.#generations.encodeUnder(this.#generations.next!, this.#factsOf(videoIds), output, eventTimeMs)
    for (const videoId of videoIds) this.#waiting.delete(videoId)
    if (this.#waiting.size === 0) this.#generations.finish(this.#catalog.size, output, eventTimeMs)
  }

  #sliceOf(videoIds: ReadonlySet<string>): string[] {
    const sliceVideos = this.#sliceVideos ?? this.#evenSlice()
    return [...videoIds.values().take(sliceVideos)]
  }

  #evenSlice(): number {
    const { buckets } = this.#replica.bucketing
    const deltas = Math.max(1, (buckets * this.#generationMs) / 2 / deltaIntervalMs)
    return Math.min(sliceVideosMax, Math.max(sliceVideosMin, Math.ceil(this.#catalog.size / deltas)))
  }
}

function timeOf(record: AnyRecord): number {
  return 'eventTimeMs' in record ? record.eventTimeMs : 0
}
