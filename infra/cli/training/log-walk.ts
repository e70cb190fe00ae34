// The log walked again: every page hydrated anew from what was known before it, by the read sides that serve, then joined and
// counted by the loop's own joiner and counter. Nothing but the records walked is read, so the same records give the same
// examples; served entries keep everything but their features and the similarity that came of other towers.
import type {
  AnyRecord,
  FeedServed,
  InteractionsRecord,
  UsersRecord,
  VideosRecord,
} from '../../../schemas/generated.ts'
import { encodeFeatureRow } from '../../../schemas/layouts/feature-row.ts'
import { examples, interactions, users, videos } from '../../../schemas/topics.ts'
import { countReader } from '../../../serving/view/count-view.ts'
import type { QueryContext, UserFacts, UserHistory, VideoFacts } from '../../../streams/features/feature.ts'
import type { FeatureSet } from '../../../streams/features/feature-set.ts'
import { emptyHistory, foldHistory } from '../../../streams/features/history.ts'
import { foldUserFacts, unknownUser } from '../../../streams/features/user-facts.ts'
import { foldVideoFacts } from '../../../streams/features/video-facts.ts'
import { joiner } from '../../../streams/joiner/joiner.ts'
import type { Partition } from '../../../streams/log/log.ts'
import { countsSpec } from '../../../trainers/model/shipped-specs.ts'
import { countShard } from '../../../trainers/parameter-server/count-shard.ts'
import { wasmTable } from '../../../trainers/table/wasm-table.ts'
import { LockstepInput, type LockstepOutput } from '../import/lockstep-input.ts'

/** Nobody follows these counts: a delta a day is as good as none. */
export const countsSyncMs = 86_400_000

export class LogWalk {
  readonly #features: FeatureSet
  readonly #videoById = new Map<string, VideoFacts>()
  readonly #userById = new Map<string, UserFacts>()
  readonly #historyByUser = new Map<string, UserHistory>()
  readonly #joinerByPartition = new Map<Partition, LockstepInput>()
  readonly #counter: LockstepInput
  readonly #counts: QueryContext['counts']

  constructor(features: FeatureSet) {
    const counter = countShard({
      spec: countsSpec,
      featureSet: features,
      tableFactory: wasmTable,
      syncIntervalMs: countsSyncMs,
    })
    this.#features = features
    this.#counter = new LockstepInput(counter, examples)
    this.#counts = countReader(counter.shard)
  }

  /** What the record brings into `examples`, in the order of the joiner's outputs; records of other topics bring nothing. */
  fold(topic: string, partition: Partition, key: string | null, record: AnyRecord): LockstepOutput[] {
    if (topic === videos) this.#foldVideo(record as VideosRecord)
    else if (topic === users) this.#foldUser(record as UsersRecord)
    else if (topic === interactions) return this.#interact(partition, key, record as InteractionsRecord)
    return []
  }

  #foldVideo(record: VideosRecord): void {
    const facts = foldVideoFacts(this.#videoById.get(record.videoId) ?? null, record)
    if (facts) this.#videoById.set(record.videoId, facts)
  }

  #foldUser(record: UsersRecord): void {
    const facts = foldUserFacts(this.#userById.get(record.userId) ?? null, record)
    if (facts) this.#userById.set(record.userId, facts)
    else {
      this.#userById.delete(record.userId)
      this.#historyByUser.delete(record.userId)
    }
  }

  #interact(partition: Partition, key: string | null, record: InteractionsRecord): LockstepOutput[] {
    const hydrated = record.type === 'FeedServed' ? this.#hydrated(record) : record
    if (record.type !== 'FeedServed' && record.type !== 'Tick') this.#remember(record)
    const outputs = this.#joinerOf(partition).step(hydrated, key)
    for (const output of outputs) this.#counter.step(output.record, output.key)
    return outputs
  }

  #remember(record: Exclude<InteractionsRecord, { type: 'FeedServed' | 'Tick' }>): void {
    const video = 'videoId' in record && record.videoId !== null ? (this.#videoById.get(record.videoId) ?? null) : null
    const known = this.#historyByUser.get(record.userId) ?? emptyHistory
    this.#historyByUser.set(record.userId, foldHistory(known, record, video))
  }

  /** A page that went out without features stays without: its entries give no examples. */
  #hydrated(served: FeedServed): FeedServed {
    if (served.featureSet === '') return served
    const { userId, surface, device, network, language, region } = served
    const context: QueryContext = {
      user: this.#userById.get(userId) ?? unknownUser(userId),
      surface,
      device,
      network,
      language,
      region,
      nowMs: served.eventTimeMs,
      history: this.#historyByUser.get(userId) ?? emptyHistory,
      counts: this.#counts,
    }
    const query = this.#features.readQuery(context)
    const entries = served.entries.map((entry) => {
      const video = this.#videoById.get(entry.videoId) ?? unknownVideo(entry, served.eventTimeMs)
      const row = this.#features.readEntry(context, video)
      return { ...entry, features: encodeFeatureRow(row.ids, row.dense), similarity: null }
    })
    const queryFeatures = encodeFeatureRow(query.ids, query.dense)
    return { ...served, featureSet: this.#features.fingerprint, queryFeatures, entries }
  }

  #joinerOf(partition: Partition): LockstepInput {
    let found = this.#joinerByPartition.get(partition)
    if (!found) {
      found = new LockstepInput(joiner(), interactions)
      this.#joinerByPartition.set(partition, found)
    }
    return found
  }
}

/** A video whose publication the log does not hold. */
function unknownVideo({ videoId, creatorId }: FeedServed['entries'][number], publishedTimeMs: number): VideoFacts {
  return {
    videoId,
    creatorId,
    durationMs: 0,
    soundId: null,
    hashtags: [],
    category: null,
    language: null,
    region: null,
    publishedTimeMs,
    content: null,
    attributes: {},
    rowIdsBySlot: new Map(),
  }
}
