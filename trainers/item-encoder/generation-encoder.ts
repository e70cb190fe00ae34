// The item encoder's state: rows, catalog, the generation in use and the one under way, and which videos wait for which.
import type { AnyRecord, Delta, VideosRecord } from '../../schemas/generated.ts'
import { decodeDeltaRows } from '../../schemas/layouts/delta-rows.ts'
import { decodeFloats, encodeFloats } from '../../schemas/layouts/floats.ts'
import { vectorsOf } from '../../schemas/topics.ts'
import type { FeatureSet } from '../../streams/features/feature-set.ts'
import { partitionOf } from '../../streams/log/log.ts'
import type { Recorded, StepOutput } from '../../streams/processor/processor.ts'
import { assert } from '../../streams/runtime/errors.ts'
import { initialDense } from '../model/initial-parameters.ts'
import type { DenseParameter } from '../model/model.ts'
import { modelLayout } from '../model/model-layout.ts'
import type { ModelSpec } from '../model/model-spec.ts'
import { type DumpableReplica, replica } from '../model/replica.ts'
import { decodeSections, encodeSections, sectionOf } from '../model/sections.ts'
import { type DisposableTowerEncoder, frozenTensors, towerEncoder, towerTensors } from '../model/tower-encoder.ts'
import { EncoderCatalog } from './encoder-catalog.ts'
import type { ItemEncoder, ItemEncoderOptions } from './item-encoder.ts'
import { neutralQuery } from './neutral-query.ts'

/** Key of GenerationReady in the compacted topic: no video's id. */
export const generationKey = '\u0000generation'

/** How far deltas usually are apart. */
const deltaIntervalMs = 250
/** Buckets have no common order: rows that come this far (log time) behind other buckets' may be missing from vectors. */
const lateMs = 250
const sliceVideosMin = 64
const encodedTogetherMax = 512

interface Generation {
  readonly number: number
  /** Tensors of both towers. */
  readonly frozen: ReadonlyMap<string, DenseParameter>
  readonly encoder: DisposableTowerEncoder
}

interface EncoderFacts {
  readonly current: number
  readonly startedTimeMs: number | null
  readonly newestNumber: number
  /** Videos to be encoded anew. */
  readonly stale: readonly string[]
  readonly isLate: boolean
  readonly newestTimeMs: number
  readonly eventTimeMs: number
  /** Number of the generation under way and the videos it still lacks. */
  readonly next: number | null
  readonly waiting: readonly string[]
  readonly tensors: readonly (readonly [string, readonly number[]])[]
}

export class GenerationEncoder implements ItemEncoder {
  readonly name = 'item-encoder'
  readonly #spec: ModelSpec
  readonly #featureSet: FeatureSet
  readonly #generationMs: number
  readonly #sliceVideos: number | null
  readonly #topic: string
  readonly #initial: ReadonlyMap<string, DenseParameter>
  readonly #replica: DumpableReplica
  readonly #catalog = new EncoderCatalog()
  #current: Generation | null = null
  #next: Generation | null = null
  /** Videos that the generation under way still lacks. */
  #waiting = new Set<string>()
  /** Videos whose rows came with a snapshot or late: encoded anew, slice by slice, under the generations there are. */
  #stale = new Set<string>()
  /** Rows came late: every video becomes stale when nothing else waits. */
  #isLate = false
  /** Newest log time of a delta. */
  #newestTimeMs = Number.MIN_SAFE_INTEGER
  #eventTimeMs = 0
  /** Number of the newest generation frozen. */
  #newestNumber = 0
  #publishedThrough = 0
  #startedTimeMs: number | null = null

  constructor({ spec, featureSet, tableFactory, buckets, generationMs, sliceVideos }: ItemEncoderOptions) {
    this.#spec = spec
    this.#featureSet = featureSet
    this.#generationMs = generationMs ?? 60_000
    this.#sliceVideos = sliceVideos ?? null
    this.#topic = vectorsOf(spec.model)
    this.#initial = initialDense(spec, modelLayout(spec, featureSet))
    this.#replica = replica(spec, tableFactory, { buckets: buckets ?? 1, tableNames: [spec.towers!.table] })
  }

  get generation(): number {
    return this.#current?.number ?? 0
  }

  get videos(): number {
    return this.#catalog.size
  }

  step(input: Recorded, output: StepOutput): void {
    const { record } = input
    if (!this.#current) this.#finish(this.#freeze(), output, timeOf(record))
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
    this.#carryOn(output, isSettled)
  }

  idle(output: StepOutput): boolean {
    this.#carryOn(output, true)
    return this.#next !== null || this.#stale.size > 0 || this.#isLate
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
    this.#next?.encoder.dispose()
    this.#next = null
    this.#waiting.clear()
    this.#newestNumber = Math.max(this.#newestNumber, this.#publishedThrough)
    this.#startedTimeMs = Number.MIN_SAFE_INTEGER
  }

  published(generation: number): void {
    this.#publishedThrough = Math.max(this.#publishedThrough, generation)
  }

  dump(): Uint8Array {
    const frozen = [...(this.#current?.frozen ?? []), ...(this.#next?.frozen ?? [])].map(([, tensor]) => tensor)
    const facts: EncoderFacts = {
      current: this.generation,
      startedTimeMs: this.#startedTimeMs,
      newestNumber: this.#newestNumber,
      stale: [...this.#stale],
      isLate: this.#isLate,
      newestTimeMs: this.#newestTimeMs,
      eventTimeMs: this.#eventTimeMs,
      next: this.#next?.number ?? null,
      waiting: [...this.#waiting],
      tensors: frozen.map(({ name, shape }) => [name, shape]),
    }
    const sections = new Map<string, Uint8Array>([
      ['replica', this.#replica.dump()],
      ['catalog', this.#catalog.dump()],
    ])
    for (const [index, { values }] of frozen.entries()) sections.set(`tensor/${index}`, encodeFloats(values))
    return encodeSections({ ...facts }, sections)
  }

  load(dump: Uint8Array): void {
    const sections = decodeSections(dump)
    const facts = sections.facts as unknown as EncoderFacts
    this.#replica.restore(sectionOf(sections, 'replica'))
    this.#catalog.load(sectionOf(sections, 'catalog'))
    const tensors = facts.tensors.map(([name, shape], index): DenseParameter => {
      return { name, shape, values: decodeFloats(sectionOf(sections, `tensor/${index}`)).slice() }
    })
    const perGeneration = facts.next === null ? tensors.length : tensors.length / 2
    const generation = (number: number, own: readonly DenseParameter[]) =>
      this.#generationOf(number, new Map(own.map((tensor) => [tensor.name, tensor])))
    this.#current?.encoder.dispose()
    this.#next?.encoder.dispose()
    this.#current = facts.current === 0 ? null : generation(facts.current, tensors.slice(0, perGeneration))
    this.#next = facts.next === null ? null : generation(facts.next, tensors.slice(perGeneration))
    this.#waiting = new Set(facts.waiting)
    this.#startedTimeMs = facts.startedTimeMs
    this.#newestNumber = facts.newestNumber
    this.#stale = new Set(facts.stale)
    this.#isLate = facts.isLate
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
    if (this.#next) this.#complete(this.#next, [...this.#waiting], output, delta.eventTimeMs)
    this.#next = this.#freeze()
    this.#waiting = new Set(this.#catalog.videoIds)
  }

  #foldVideo(record: VideosRecord, output: StepOutput): void {
    const change = this.#catalog.fold(record)
    if (change === 'encode') this.#encode([record.videoId], output, record.eventTimeMs)
    if (change !== 'remove') return
    this.#waiting.delete(record.videoId)
    this.#stale.delete(record.videoId)
    for (const generation of this.#generations()) {
      this.#emit(output, generation, record.videoId, new Float32Array(0), record.eventTimeMs)
    }
  }

  /** Under the generation in use, and under the one under way as well: neither falls behind the other. */
  #encode(videoIds: readonly string[], output: StepOutput, eventTimeMs: number): void {
    for (const generation of this.#generations()) {
      for (let from = 0; from < videoIds.length; from += encodedTogetherMax) {
        this.#encodeUnder(generation, videoIds.slice(from, from + encodedTogetherMax), output, eventTimeMs)
      }
    }
    for (const videoId of videoIds) {
      this.#waiting.delete(videoId)
      this.#stale.delete(videoId)
    }
  }

  #encodeUnder(generation: Generation, videoIds: readonly string[], output: StepOutput, eventTimeMs: number): void {
    const rows = videoIds.map((videoId) => this.#featureSet.readEntry(neutralQuery, this.#catalog.facts(videoId)!))
    const vectors = generation.encoder.encodeEntries(rows)
    const { dimension } = generation.encoder
    for (const [index, videoId] of videoIds.entries()) {
      const vector = vectors.slice(index * dimension, (index + 1) * dimension)
      this.#emit(output, generation, videoId, vector, eventTimeMs)
    }
  }

  /** One slice of what is stale and one of the generation under way, and its end where nothing is missing any more. */
  #carryOn(output: StepOutput, isSettled: boolean): void {
    if (this.#stale.size > 0) this.#encode(this.#sliceOf(this.#stale), output, this.#eventTimeMs)
    if (this.#next && isSettled) this.#complete(this.#next, this.#sliceOf(this.#waiting), output, this.#eventTimeMs)
    if (!this.#isLate || this.#stale.size > 0 || this.#next) return
    this.#isLate = false
    this.#stale = new Set(this.#catalog.videoIds)
  }

  /** Encodes those videos under the generation under way, which ends where they were the last. */
  #complete(generation: Generation, videoIds: readonly string[], output: StepOutput, eventTimeMs: number): void {
    for (let from = 0; from < videoIds.length; from += encodedTogetherMax) {
      this.#encodeUnder(generation, videoIds.slice(from, from + encodedTogetherMax), output, eventTimeMs)
    }
    for (const videoId of videoIds) this.#waiting.delete(videoId)
    if (this.#waiting.size === 0) this.#finish(generation, output, eventTimeMs)
  }

  #sliceOf(videoIds: ReadonlySet<string>): string[] {
    const sliceVideos = this.#sliceVideos ?? this.#evenSlice()
    const slice: string[] = []
    for (const videoId of videoIds) {
      if (slice.length === sliceVideos) break
      slice.push(videoId)
    }
    return slice
  }

  #evenSlice(): number {
    const { buckets } = this.#replica.bucketing
    const deltas = Math.max(1, (buckets * this.#generationMs) / 2 / deltaIntervalMs)
    return Math.min(encodedTogetherMax, Math.max(sliceVideosMin, Math.ceil(this.#catalog.size / deltas)))
  }

  #finish(generation: Generation, output: StepOutput, eventTimeMs: number): void {
    this.#current?.encoder.dispose()
    this.#current = generation
    this.#next = null
    const dense = towerTensors('query', generation.frozen, this.#initial)
    const { number } = generation
    this.#send(output, generationKey, {
      type: 'GenerationReady',
      generation: number,
      videos: this.#catalog.size,
      eventTimeMs,
      dense,
    })
  }

  #freeze(): Generation {
    const number = ++this.#newestNumber
    const { dense } = this.#replica
    const tensors = [...towerTensors('query', dense, this.#initial), ...towerTensors('entry', dense, this.#initial)]
    return this.#generationOf(number, frozenTensors(tensors))
  }

  #generationOf(number: number, frozen: ReadonlyMap<string, DenseParameter>): Generation {
    const [spec, featureSet, parameters] = [this.#spec, this.#featureSet, this.#replica]
    return { number, frozen, encoder: towerEncoder({ spec, featureSet, parameters, frozen }) }
  }

  #generations(): Generation[] {
    return [this.#current, this.#next].filter((generation) => generation !== null)
  }

  #emit(output: StepOutput, { number }: Generation, videoId: string, vector: Float32Array, eventTimeMs: number): void {
    this.#send(output, videoId, {
      type: 'ItemVector',
      videoId,
      generation: number,
      vector: encodeFloats(vector),
      eventTimeMs,
    })
  }

  #send(output: StepOutput, key: string, record: AnyRecord): void {
    output.emit(this.#topic, key, record, partitionOf(0))
  }
}

const videosTypes: Readonly<Record<VideosRecord['type'], true>> = {
  VideoUploaded: true,
  VideoTranscoded: true,
  VideoFingerprinted: true,
  VideoEmbedded: true,
  VideoModerated: true,
  VideoPublished: true,
  VideoTakenDown: true,
}

function isVideosRecord(record: AnyRecord): record is VideosRecord {
  return record.type in videosTypes
}

function timeOf(record: AnyRecord): number {
  return 'eventTimeMs' in record ? record.eventTimeMs : 0
}
