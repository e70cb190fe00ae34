// The answer to a feed request, made from the page's record alone: given again later, it is the same.
import type { FeedServed, ServedEntry } from '../../schemas/generated.ts'
import type { FeedEntry, FeedPage } from '../shard.ts'
import type { Catalog } from '../view/catalog.ts'
import { encodeCursor } from './cursor.ts'

export interface FeedPageOptions {
  readonly explain: boolean
  /** The record is to be appended: the page is new. */
  readonly isNew: boolean
}

/** Videos that must not be shown any more are left out of a page given again. */
export function feedPage(served: FeedServed, catalog: Catalog, options: FeedPageOptions): FeedPage {
  const entries = served.entries.flatMap((entry) => feedEntry(entry, served, catalog, options.explain) ?? [])
  // A pool no bigger than its page had nothing left for another.
  const hasMore = served.poolIds.length > served.entries.length
  return {
    requestId: served.requestId,
    entries,
    cursor: hasMore ? encodeCursor(served.userId, { sessionId: served.sessionId, page: served.page + 1 }) : null,
    versions: { log: served.stamp, model: `${served.model}@${served.modelVersion}`, policy: served.policyVersion },
    served: options.isNew ? served : null,
  }
}

function feedEntry(entry: ServedEntry, served: FeedServed, catalog: Catalog, explain: boolean): FeedEntry | null {
  const known = catalog.byId(entry.videoId)
  const shown = known === null ? null : catalog.servableAt(known.index)
  if (shown === null) return null
  const { mp4, hls, poster } = shown.playback ?? { mp4: null, hls: null, poster: null }
  return {
    videoId: entry.videoId,
    position: entry.position,
    creatorId: entry.creatorId,
    source: entry.source,
    playback: {
      ...(mp4 === null ? {} : { mp4 }),
      ...(hls === null ? {} : { hls }),
      ...(poster === null ? {} : { poster }),
      durationMs: shown.facts.durationMs,
    },
    ...(explain ? { scores: scoresOf(entry, served.headNames), reasons: [...entry.reasons] } : {}),
  }
}

/** Head probabilities by head, scores by stage, the final score and the propensity. */
function scoresOf(entry: ServedEntry, headNames: readonly string[]): Record<string, number> {
  return {
    ...predictionsOf(entry, headNames),
    ...entry.stageScores,
    score: entry.score,
    propensity: entry.propensity,
  }
}

export function predictionsOf(entry: ServedEntry, headNames: readonly string[]): Record<string, number> {
  return Object.fromEntries(entry.predictions.map((prediction, head) => [headNames[head] ?? `head${head}`, prediction]))
}
