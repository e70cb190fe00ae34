// A log with everything an item encoder reads, several buckets of it, and what its vectors must be in the end: for tests.
import assert from 'node:assert/strict'
import { decode, encode } from '../../schemas/codec.ts'
import type { AnyRecord, Delta, GenerationReady, ItemVector, VideoPublished } from '../../schemas/generated.ts'
import { decodeFloats } from '../../schemas/layouts/floats.ts'
import * as topics from '../../schemas/topics.ts'
import { videoFacts } from '../../streams/features/video-facts.ts'
import { embeddedLog } from '../../streams/log/embedded-log.ts'
import { type Log, offsetOf, partitionOf, type Reader } from '../../streams/log/log.ts'
import { putCheckpoint } from '../../streams/processor/checkpoint-keeping.ts'
import { simulatedDisk } from '../../streams/runtime/simulated-disk.ts'
import { systemRuntime } from '../../streams/runtime/system-runtime.ts'
import { memoryBlobStore } from '../../streams/stores/memory-blob-store.ts'
import { bucketDeltas, bucketSnapshot, idsByTable } from '../model/bucketed-world.ts'
import { bucketing } from '../model/buckets.ts'
import { replica } from '../model/replica.ts'
import { sampleFeatures, sampleSpec } from '../model/sample-features.ts'
import { encodeSections } from '../model/sections.ts'
import { towerEncoder } from '../model/tower-encoder.ts'
import { onlineTrainer } from '../online-trainer.ts'
import { CollectedOutput, plantedRecords } from '../planted-world.ts'
import { wasmTable } from '../table/wasm-table.ts'
import { type EncoderRunner, encoderRunner } from './encoder-runner.ts'
import { itemEncoder } from './item-encoder.ts'
import { mortalBlobs, mortalLog } from './mortal-process.ts'
import { neutralQuery } from './neutral-query.ts'

export const buckets = 4
const layout = bucketing(buckets, true)
const base = { spec: sampleSpec, featureSet: sampleFeatures, tableFactory: wasmTable }
const generationMs = 2_000
/** Log time between the deltas of a bucket. */
const deltaEveryMs = 500
const { model } = sampleSpec
export const deltas = topics.deltasOf(model)

/** Which runs of an encoder see this: whoever is killed keeps nothing and reaches nothing any more. */
export interface StartedEncoder {
  readonly runner: EncoderRunner
  kill(): Promise<void>
}

export class EncoderWorld {
  readonly log: Log
  readonly blobs = memoryBlobStore()
  readonly #trained: readonly Delta[]
  readonly #after: readonly Uint8Array[]
  readonly #videos: VideoPublished[] = []
  readonly #runners: EncoderRunner[] = []
  #timestampMs = 1_000_000

  constructor(log: Log, seed: number, deltaCount: number) {
    this.log = log
    const trainer = onlineTrainer({ ...base, syncsPerDense: 1 })
    const output = new CollectedOutput()
    const after: Uint8Array[] = []
    for (const record of plantedRecords(seed, deltaCount * 25, 25)) {
      const before = output.records.length
      trainer.step(record, output)
      if (output.records.length > before) after.push(trainer.shard.dump())
    }
    this.#trained = output.records.map(({ record }) => record as Delta)
    this.#after = after
  }

  get deltaCount(): number {
    return this.#trained.length
  }

  async publish(from: number, to: number): Promise<void> {
    for (let number = from; number < to; number++) {
      const record = published(number)
      this.#videos.push(record)
      await this.append(topics.videos, record, 0)
    }
  }

  /** The deltas of these syncs, of all buckets or those named. */
  async train(from: number, to: number, only: readonly number[] = [0, 1, 2, 3]): Promise<void> {
    for (let sync = from; sync < to; sync++) {
      const shares = bucketDeltas(sampleSpec, this.#trained[sync]!, layout)
      for (const bucket of only) {
        await this.append(deltas, shares[bucket]!, bucket, this.#timestampMs + sync * deltaEveryMs)
      }
    }
  }

  /** Time passes in the log until a generation has started after everything that was trained. */
  async settle(): Promise<void> {
    const last = this.#trained.at(-1)!
    this.#timestampMs += this.#trained.length * deltaEveryMs + generationMs
    for (let step = 0; step < 3; step++) {
      const [baseVersion, version] = [last.version + step, last.version + step + 1]
      const empty = { ...last, bucket: layout.denseBucket!, baseVersion, version, tables: [], dense: [] }
      await this.append(deltas, empty, empty.bucket, this.#timestampMs + step * generationMs)
    }
  }

  /** The owner's checkpoint after so many syncs, announced. */
  async snapshot(bucket: number, syncs: number): Promise<void> {
    const owner = replica(sampleSpec, wasmTable)
    owner.load(0, this.#after[syncs - 1]!)
    const { version } = this.#trained[syncs - 1]!
    const ids = idsByTable(this.#trained.slice(0, syncs))
    const shard = bucketSnapshot({ spec: sampleSpec, layout, bucket, parameters: owner, ids, version })
    const partition = partitionOf(bucket)
    const place = { group: 'owner', processor: 'shard', topic: topics.gradientsOf(model), partition }
    const position = { next: offsetOf(version), inputSource: null, outputs: [] }
    const state = encodeSections({}, new Map([['shard', shard]]))
    const { blob, byteLength, checksum } = await putCheckpoint(this.blobs, place, position, [state])
    const facts = { model, bucket, epoch: 0, version, blob, bytes: byteLength, checksum, lineage: 0 }
    const record: AnyRecord = { type: 'SnapshotTaken', ...facts, offsets: {}, eventTimeMs: 0 }
    await this.append(topics.snapshotsOf(model), record, bucket)
  }

  async start(checkpointEveryMs = 1e9): Promise<StartedEncoder> {
    const life = { isOver: false, leave: async () => {} }
    const runner = await encoderRunner({
      model,
      encoder: itemEncoder({ ...base, buckets, generationMs, sliceVideos: 7 }),
      log: mortalLog(this.log, life),
      blobs: mortalBlobs(this.blobs, life),
      runtime: systemRuntime,
      checkpointEveryMs,
    })
    this.#runners.push(runner)
    return {
      runner,
      async kill() {
        life.isOver = true
        await life.leave()
      },
    }
  }

  /** Resolves when the generation, or a later one, is ready. */
  async generationReached(generation: number): Promise<void> {
    const reader = await this.vectors()
    for (let newest = 0; newest < generation; ) {
      for (const { value } of await reader.next({ recordsMax: 1_000, waitMsMax: 1_000 })) {
        const record = decode(value!)
        if (record.type === 'GenerationReady') newest = Math.max(newest, record.generation)
      }
    }
    await reader.close()
  }

  private vectors(): Promise<Reader> {
    return this.log.openReader({ topic: topics.vectorsOf(model), partition: partitionOf(0), from: offsetOf(0) })
  }

  /** Resolves when every published video has the vector that the newest generation gives its final rows. No number
   *  may have stood for two towers meanwhile. */
  async settled(): Promise<void> {
    const rows = replica(sampleSpec, wasmTable)
    for (const delta of this.#trained) rows.apply(delta)
    const encoder = towerEncoder({ ...base, parameters: rows })
    const query = rows.dense
    const expected = new Map(
      this.#videos.map((video) => {
        return [video.videoId, encoder.encodeEntries([sampleFeatures.readEntry(neutralQuery, videoFacts(video))])]
      }),
    )
    const found = new Map<number, Map<string, Float32Array>>()
    let newest = 0
    const isDone = (): boolean => {
      const own = found.get(newest)
      return [...expected].every(([videoId, vector]): boolean | undefined => {
        const held = own?.get(videoId)
        return held?.every((value, axis) => Math.abs(value - vector[axis]!) < 1e-6)
      })
    }
    const reader = await this.vectors()
    const towersByNumber = new Map<number, GenerationReady['dense']>()
    let isFinal = false
    while (!(isFinal && isDone())) {
      for (const { value } of await reader.next({ recordsMax: 1_000, waitMsMax: 1_000 })) {
        const record = decode(value!)
        if (record.type === 'GenerationReady') {
          const known = towersByNumber.get(record.generation)
          if (known)
            assert.deepEqual(record.dense, known, `generation ${record.generation} stands for one pair of towers`)
          towersByNumber.set(record.generation, record.dense)
          if (record.generation <= newest) continue
          newest = record.generation
          isFinal = record.dense.every(({ name, values }) => {
            return decodeFloats(values).every((one, index) => one === query.get(name)!.values[index])
          })
        } else {
          const { generation, videoId, vector } = record as ItemVector
          const own = found.get(generation) ?? new Map<string, Float32Array>()
          found.set(generation, own)
          own.set(videoId, decodeFloats(vector).slice())
        }
      }
    }
    await reader.close()
  }

  /** Ends every runner that still can be. */
  async close(): Promise<void> {
    await this.log.close()
    await Promise.allSettled(this.#runners.map((runner) => runner.stop()))
  }

  async append(topic: string, record: AnyRecord, partition: number, timestampMs = 0): Promise<void> {
    await this.log.append(topic, [{ key: null, value: encode(record), timestampMs, partition: partitionOf(partition) }])
  }
}

export async function withEncoderWorld(
  seed: number,
  deltaCount: number,
  run: (world: EncoderWorld) => Promise<void>,
): Promise<void> {
  const log = await embeddedLog({ disk: simulatedDisk(), directory: '/log', runtime: systemRuntime })
  for (const spec of [...topics.sharedTopics(), ...topics.modelTopics(model, buckets)]) await log.ensureTopic(spec)
  const world = new EncoderWorld(log, seed, deltaCount)
  try {
    await run(world)
  } finally {
    await world.close()
  }
}

function published(number: number): VideoPublished {
  return {
    type: 'VideoPublished',
    eventId: `e${number}`,
    eventTimeMs: number,
    receivedTimeMs: number,
    videoId: `v${number}`,
    creatorId: `c${number % 12}`,
    durationMs: 20_000,
    soundId: null,
    hashtags: ['cats'],
    category: null,
    language: 'sv',
    region: 'se',
    ageRating: null,
    contentId: null,
    embedding: null,
    attributes: {},
    playback: null,
  }
}
