// A shard over a small world for tests: real view, real pipeline, real tables; the records it was fed are kept, so that
// another shard can be fed the same.
import type { AnyRecord, FeedServed, VideoPublished } from '../../schemas/generated.ts'
import { heads } from '../../schemas/labels.ts'
import * as topics from '../../schemas/topics.ts'
import { defaultFeatures } from '../../streams/features/default-features.ts'
import { type FeatureSet, featureSet } from '../../streams/features/feature-set.ts'
import { offsetOf, partitionOf } from '../../streams/log/log.ts'
import type { Recorded } from '../../streams/processor/processor.ts'
import type { Runtime } from '../../streams/runtime/runtime.ts'
import type { Scorer } from '../../trainers/model/model.ts'
import { replica } from '../../trainers/model/replica.ts'
import { countsSpec, foryouSpec } from '../../trainers/model/shipped-specs.ts'
import { mapTable } from '../../trainers/table/map-table.ts'
import { type CountedShard, servingShard } from '../serving-shard.ts'
import type { FeedPage, FeedRequest } from '../shard.ts'
import { View } from '../view/view.ts'
import type { ViewOptions } from '../view/view-options.ts'
import { feedPipeline } from './feed-pipeline.ts'

export const worldStartMs = Date.UTC(2026, 5, 1)

/** Says the same of everything: what a page is without a model. */
export const evenScorer: Scorer = {
  headNames: heads,
  score: (_query, entries) => new Float32Array(entries.length * heads.length).fill(0.5),
}

export interface WorldOptions {
  readonly scorer?: Scorer
  readonly features?: FeatureSet
  readonly view?: Partial<ViewOptions>
  /** Durations of this world; by default each look at the clock takes a microsecond. */
  readonly monotonicMs?: () => number
  /** Sleeps of this world; by default a sleep ends at once. */
  readonly sleep?: Runtime['timers']['sleep']
}

export class ShardWorld {
  readonly records: Recorded[] = []
  readonly view: View
  readonly shard: CountedShard
  private readonly nextByTopic = new Map<string, number>()
  nowMs = worldStartMs
  private requests = 0
  private events = 0

  constructor(options: WorldOptions = {}) {
    let ticks = 0
    const clock = { nowMs: () => this.nowMs, monotonicMs: options.monotonicMs ?? (() => ticks++ / 1_000) }
    this.view = new View({
      features: options.features ?? featureSet(defaultFeatures),
      model: replica(foryouSpec, mapTable),
      counts: replica(countsSpec, mapTable),
      vectorDimension: 64,
      encoderOf: () => ({ dimension: 64, encodeQuery: () => new Float32Array(64).fill(1 / 8) }),
      clock,
      ...options.view,
    })
    this.shard = servingShard({
      view: this.view,
      pipeline: feedPipeline({ scorer: options.scorer ?? evenScorer, clock }),
      runtime: {
        clock,
        timers: { sleep: options.sleep ?? (async () => {}), after: () => () => {}, every: () => () => {} },
      },
      isReady: () => true,
    })
  }

  /** Appends a record and feeds it to the view. */
  append(topic: string, record: AnyRecord, key: string | null = null): void {
    const offset = this.nextByTopic.get(topic) ?? 0
    this.nextByTopic.set(topic, offset + 1)
    const recorded: Recorded = {
      topic,
      partition: partitionOf(0),
      offset: offsetOf(offset),
      key,
      timestampMs: this.nowMs,
      record,
    }
    this.records.push(recorded)
    this.view.apply(recorded)
  }

  /** Feeds the records of another world, as a restart would. */
  replay(records: readonly Recorded[]): void {
    this.requests += records.length
    this.events += records.length
    for (const recorded of records) {
      this.records.push(recorded)
      this.nextByTopic.set(recorded.topic, recorded.offset + 1)
      this.view.apply(recorded)
    }
  }

  publish(videoId: string, fields: Partial<VideoPublished> = {}): void {
    this.append(topics.videos, {
      type: 'VideoPublished',
      ...this.stamped(),
      videoId,
      creatorId: `creator of ${videoId}`,
      durationMs: 20_000,
      soundId: null,
      hashtags: [],
      category: null,
      language: null,
      region: null,
      ageRating: null,
      contentId: null,
      embedding: null,
      attributes: {},
      playback: null,
      ...fields,
    })
  }

  takeDown(videoId: string): void {
    this.append(topics.videos, { type: 'VideoTakenDown', ...this.stamped(), videoId, reason: 'spam', by: null })
  }

  join(
    userId: string,
    fields: { birthYear?: number; interests?: string[]; region?: string; attributes?: Record<string, string> } = {},
  ): void {
    this.append(topics.users, {
      type: 'UserJoined',
      ...this.stamped(),
      userId,
      region: fields.region ?? null,
      language: null,
      birthYear: fields.birthYear ?? null,
      interests: fields.interests ?? [],
      attributes: fields.attributes ?? {},
    })
  }

  policy(name: string, value: unknown): void {
    this.append(topics.policies, {
      type: 'PolicyChanged',
      ...this.stamped(),
      name,
      value: JSON.stringify(value),
      by: null,
      comment: null,
    })
  }

  follow(userId: string, creatorId: string, withdrawn = false): void {
    this.append(topics.interactions, {
      type: 'CreatorFollowed',
      ...this.stamped(),
      userId,
      creatorId,
      videoId: null,
      requestId: null,
      position: null,
      withdrawn,
    })
  }

  /** The user watched this share of the video. */
  watch(userId: string, videoId: string, share: number, requestId: string | null = null): void {
    const durationMs = this.view.catalog.byId(videoId)?.facts?.durationMs ?? 20_000
    this.append(topics.interactions, {
      type: share < 0.5 ? 'VideoSkipped' : 'VideoWatched',
      ...this.stamped(),
      userId,
      videoId,
      requestId,
      position: null,
      watchTimeMs: Math.round(share * durationMs),
      durationMs,
      completed: share >= 0.95,
      replays: 0,
      givenLabels: {},
    })
  }

  refuse(userId: string, videoId: string, withdrawn = false): void {
    this.append(topics.interactions, {
      type: 'NotInterested',
      ...this.stamped(),
      userId,
      videoId,
      requestId: null,
      position: null,
      reason: null,
      withdrawn,
    })
  }

  request(userId: string, fields: Partial<FeedRequest> = {}): FeedRequest {
    this.nowMs += 1_000
    const requestId = `request-${userId}-${this.requests++}`
    return {
      requestId,
      userId,
      limit: 10,
      feed: 'foryou',
      cursor: null,
      seed: 7,
      surface: 'tab',
      device: 'phone',
      network: 'wifi',
      language: null,
      region: null,
      explain: false,
      receivedTimeMs: this.nowMs,
      reflect: null,
      ...fields,
    }
  }

  /** A page; what was served is appended, as the gateway does. */
  async page(userId: string, fields: Partial<FeedRequest> = {}): Promise<FeedPage> {
    const outcome = await this.shard.feed(this.request(userId, fields))
    if (outcome.status !== 'ok') throw new Error(outcome.reason)
    if (outcome.page.served) this.append(topics.interactions, outcome.page.served satisfies FeedServed)
    return outcome.page
  }

  private stamped(): { eventId: string; eventTimeMs: number; receivedTimeMs: number } {
    this.nowMs += 1
    return { eventId: `event-${this.events++}`, eventTimeMs: this.nowMs, receivedTimeMs: this.nowMs }
  }
}

/** Ids of a page's videos, in order. */
export const videoIdsOf = (page: FeedPage): string[] => page.entries.map((entry) => entry.videoId)
