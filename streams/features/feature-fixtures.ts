// Small worlds for tests of features: count rows in a Map, pages and videos with everything set, random ones by seed.
import type { Example } from '../../schemas/generated.ts'
import type { RowId } from '../../schemas/ids.ts'
import { heads } from '../../schemas/labels.ts'
import { encodeFeatureRow, type FeatureRow } from '../../schemas/layouts/feature-row.ts'
import { encodeFloats } from '../../schemas/layouts/floats.ts'
import { type CountTable, countDecay, countDimension, countTables } from './count-columns.ts'
import type { CountIncrement } from './count-increments.ts'
import type { CountReader, HistoryEntry, QueryContext, VideoFacts } from './feature.ts'
import type { FeatureSet } from './feature-set.ts'

export const noonMs = Date.UTC(2026, 10, 21, 12)

interface CountRow {
  readonly values: Float32Array
  timeMs: number
}

/** What tables with the optimizers `sum` and `decayed-sum` hold, the plain way. */
export class CountsByRow implements CountReader {
  readonly rows = Object.fromEntries(countTables.map((table) => [table, new Map()])) as Record<
    CountTable,
    Map<RowId, CountRow>
  >

  read(table: CountTable, id: RowId, out: Float32Array): number {
    const row = this.rows[table].get(id)
    if (!row) {
      out.fill(0)
      return 0
    }
    out.set(row.values)
    return row.timeMs
  }

  push(increments: readonly CountIncrement[], eventTimeMs: number): void {
    for (const { table, id, values } of increments) {
      const row = this.rows[table].get(id) ?? { values: new Float32Array(countDimension), timeMs: eventTimeMs }
      const decay = countDecay(table, eventTimeMs - row.timeMs)
      for (let column = 0; column < countDimension; column++) {
        row.values[column] = row.values[column]! * decay + values[column]!
      }
      row.timeMs = Math.max(row.timeMs, eventTimeMs)
      this.rows[table].set(id, row)
    }
  }
}

export function videoFixture(changes: Partial<VideoFacts> = {}): VideoFacts {
  return {
    videoId: 'v1',
    creatorId: 'c1',
    durationMs: 15_000,
    soundId: 's1',
    hashtags: ['cats', 'music'],
    category: 'pets',
    language: 'en',
    region: 'DE',
    publishedTimeMs: noonMs - 86_400_000,
    content: null,
    attributes: { height: 1_920, kind: 'vertical' },
    rowIdsBySlot: new Map(),
    ...changes,
  }
}

export function historyEntryFixture(changes: Partial<HistoryEntry> = {}): HistoryEntry {
  return {
    videoId: 'h1',
    creatorId: 'c1',
    hashtags: ['cats'],
    soundId: 's1',
    eventTimeMs: noonMs - 60_000,
    watchRatio: 1,
    completed: true,
    earlySkip: false,
    liked: false,
    notInterested: false,
    ...changes,
  }
}

export function contextFixture(changes: Partial<QueryContext> = {}): QueryContext {
  return {
    user: {
      userId: 'u1',
      region: 'DE',
      language: 'de',
      birthYear: 1990,
      interests: ['cats', 'cooking'],
      attributes: { level: 'high', follows: 120 },
      rowIdsBySlot: new Map(),
    },
    surface: 'foryou',
    device: 'phone',
    network: 'wifi',
    language: 'de',
    region: 'DE',
    nowMs: noonMs,
    history: { recent: [historyEntryFixture()] },
    counts: new CountsByRow(),
    ...changes,
  }
}

/** An example as the joiner would give it for rows frozen under `set`. */
export function exampleFixture(
  set: FeatureSet,
  context: QueryContext,
  video: VideoFacts,
  labels: Float32Array,
  changes: Partial<Example> = {},
): Example {
  const encode = (row: FeatureRow) => encodeFeatureRow(row.ids, row.dense)
  return {
    type: 'Example',
    exampleId: '0123456789abcdef',
    requestId: 'r1',
    position: 0,
    userId: context.user.userId,
    videoId: video.videoId,
    creatorId: video.creatorId,
    impressionTimeMs: context.nowMs,
    eventTimeMs: context.nowMs + 10_000,
    receivedTimeMs: context.nowMs + 10_001,
    featureSet: set.fingerprint,
    queryFeatures: encode(set.readQuery(context)),
    features: encode(set.readEntry(context, video)),
    similarity: null,
    headNames: heads,
    labels: encodeFloats(labels),
    predictions: null,
    weight: 1,
    propensity: 1,
    source: 'trending',
    surface: context.surface,
    region: context.region,
    imported: false,
    ...changes,
  }
}

/** Small generator with a seed (mulberry32): numbers in [0, 1). */
export function seededUniform(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
}
