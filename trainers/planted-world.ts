// Examples of users with planted tastes, for tests: each user likes some topics, each video is about one, and a view is
// long with the chance that the taste gives. One seed, one stream.
import type { AnyRecord, Example, LabelCorrection, Tick } from '../schemas/generated.ts'
import { headIndex, heads } from '../schemas/labels.ts'
import { encodeFeatureRow } from '../schemas/layouts/feature-row.ts'
import { encodeFloats } from '../schemas/layouts/floats.ts'
import { offsetOf, partitionOf } from '../streams/log/log.ts'
import type { Recorded, StepOutput } from '../streams/processor/processor.ts'
import { sampleFeatures, sampleQuery, sampleVideo } from './model/sample-features.ts'

export const topics = ['cats', 'cooking', 'chess', 'dance', 'diy', 'news'] as const
const usersCount = 40
const videosCount = 150
const recentMax = 4

/** Chance of a long view of a video about a topic that the user likes, and of any other. */
const likedRate = 0.85
const otherRate = 0.15

export function seededRandom(seed: number): () => number {
  let state = seed | 0
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let bits = Math.imul(state ^ (state >>> 15), 1 | state)
    bits = (bits + Math.imul(bits ^ (bits >>> 7), 61 | bits)) ^ bits
    return ((bits ^ (bits >>> 14)) >>> 0) / 2 ** 32
  }
}

export class PlantedWorld {
  readonly #random: () => number
  readonly #recentByUser = new Map<string, string[]>()
  readonly #likedByUser: readonly ReadonlySet<string>[]
  #position = 0

  constructor(seed: number) {
    this.#random = seededRandom(seed)
    this.#likedByUser = Array.from({ length: usersCount }, () => {
      return new Set(topics.filter(() => this.#random() < 0.35))
    })
  }

  /** The topic of a video, by its number. */
  topicOf(videoNumber: number): string {
    return topics[videoNumber % topics.length]!
  }

  likes(userNumber: number, videoNumber: number): boolean {
    return this.#likedByUser[userNumber]!.has(this.topicOf(videoNumber))
  }

  /** The next outcome of a random user with a random video. */
  example(): Example {
    const userNumber = Math.floor(this.#random() * usersCount)
    const videoNumber = Math.floor(this.#random() ** 2 * videosCount)
    const rate = this.likes(userNumber, videoNumber) ? likedRate : otherRate
    const longView = this.#random() < rate
    const [userId, videoId] = [`u${userNumber}`, `v${videoNumber}`]
    const recent = this.#recentByUser.get(userId) ?? []
    const example = this.exampleOf(userNumber, videoNumber, recent, longView)
    if (longView) this.#recentByUser.set(userId, [videoId, ...recent].slice(0, recentMax))
    return example
  }

  exampleOf(userNumber: number, videoNumber: number, recent: readonly string[], longView: boolean): Example {
    const position = this.#position++
    const query = sampleQuery(`u${userNumber}`, recent)
    const video = sampleVideo(`v${videoNumber}`, `c${videoNumber % 12}`, [this.topicOf(videoNumber)])
    const queryRow = sampleFeatures.readQuery(query)
    const row = sampleFeatures.readEntry(query, video)
    return {
      type: 'Example',
      exampleId: position.toString(16).padStart(16, '0'),
      requestId: `r${position}`,
      position: 0,
      userId: `u${userNumber}`,
      videoId: video.videoId,
      creatorId: video.creatorId,
      impressionTimeMs: position * 10,
      eventTimeMs: position * 10 + 5,
      receivedTimeMs: position * 10 + 7,
      featureSet: sampleFeatures.fingerprint,
      queryFeatures: encodeFeatureRow(queryRow.ids, queryRow.dense),
      features: encodeFeatureRow(row.ids, row.dense),
      similarity: null,
      headNames: heads,
      labels: encodeFloats(labelsOf(longView)),
      predictions: null,
      weight: 1,
      propensity: 1,
      source: 'towers',
      surface: 'foryou',
      region: 'se',
      imported: false,
    }
  }
}

/** The example's labels changed to `after`. */
export function correctionOf(example: Example, after: Float32Array): LabelCorrection {
  const { predictions: _p, propensity: _q, source: _s, labels, type: _t, ...shared } = example
  return { ...shared, type: 'LabelCorrection', before: labels, after: encodeFloats(after) }
}

export function labelsOf(longView: boolean): Float32Array {
  const labels = new Float32Array(heads.length)
  labels[headIndex.longView] = Number(longView)
  labels[headIndex.complete] = Number(longView)
  labels[headIndex.earlySkip] = Number(!longView)
  labels[headIndex.watchTime] = longView ? 3 : 0.7
  labels[headIndex.follow] = Number.NaN
  return labels
}

/** Examples with a Tick after each `perTick` of them, as records of one partition. */
export function plantedRecords(seed: number, exampleCount: number, perTick: number): Recorded[] {
  const world = new PlantedWorld(seed)
  const records: AnyRecord[] = []
  for (let index = 1; index <= exampleCount; index++) {
    records.push(world.example())
    if (index % perTick === 0) records.push(tick(index * 10))
  }
  return recorded(records)
}

/** Examples of one world by partitions of their users, with a Tick in each partition after each `perTick` of them. */
export function plantedPartitions(
  seed: number,
  exampleCount: number,
  perTick: number,
  partitions: number,
): Recorded[][] {
  const world = new PlantedWorld(seed)
  const records = Array.from({ length: partitions }, (): AnyRecord[] => [])
  for (let index = 1; index <= exampleCount; index++) {
    const example = world.example()
    records[Number(example.userId.slice(1)) % partitions]!.push(example)
    if (index % perTick === 0) for (const own of records) own.push(tick(index * 10))
  }
  return records.map((own, partition) => recorded(own, 'examples', 0, partition))
}

export function tick(eventTimeMs: number): Tick {
  return { type: 'Tick', eventTimeMs, receivedTimeMs: eventTimeMs }
}

export function recorded(
  records: readonly AnyRecord[],
  topic = 'examples',
  firstOffset = 0,
  partition = 0,
): Recorded[] {
  return records.map((record, index) => ({
    topic,
    partition: partitionOf(partition),
    offset: offsetOf(firstOffset + index),
    key: null,
    timestampMs: 'receivedTimeMs' in record ? record.receivedTimeMs : 0,
    record,
  }))
}

/** Keeps what a processor emits and rejects. */
export class CollectedOutput implements StepOutput {
  readonly records: { readonly topic: string; readonly key: string | null; readonly record: AnyRecord | null }[] = []
  readonly reasons: string[] = []

  emit(topic: string, key: string | null, record: AnyRecord | null): void {
    this.records.push({ topic, key, record })
  }

  reject(reason: string): void {
    this.reasons.push(reason)
  }
}
