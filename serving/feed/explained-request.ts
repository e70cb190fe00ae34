// Why a page was as it was, in names: features, head probabilities, weights, rules and the offsets it had seen.
import type { FeedServed, ServedEntry } from '../../schemas/generated.ts'
import { decodeFeatureRow } from '../../schemas/layouts/feature-row.ts'
import { explainRow } from '../../streams/features/explain-row.ts'
import type { FeatureSide } from '../../streams/features/feature.ts'
import type { FeatureSet } from '../../streams/features/feature-set.ts'
import type { ExplainedEntry, ExplainedRequest } from '../shard.ts'
import { predictionsOf } from './feed-page.ts'
import type { Params } from './params.ts'

/** `params` are those of the page's policy version; null where they are forgotten. */
export function explainedRequest(served: FeedServed, features: FeatureSet, params: Params | null): ExplainedRequest {
  return {
    requestId: served.requestId,
    userId: served.userId,
    servedTimeMs: served.eventTimeMs,
    features: namedFeatures(served, features, 'query', served.queryFeatures),
    entries: served.entries.map((entry) => explainedEntry(entry, served, features)),
    weights: params === null ? {} : { ...params.ranking },
    rules: params === null ? [] : rulesOf(params),
    sources: served.sources.map(({ name, candidates, outcome }) => ({ name, candidates, outcome })),
    removed: served.removed,
    offsets: served.stamp,
    model: served.model,
    modelVersion: served.modelVersion,
    policyVersion: served.policyVersion,
  }
}

function explainedEntry(entry: ServedEntry, served: FeedServed, features: FeatureSet): ExplainedEntry {
  return {
    videoId: entry.videoId,
    position: entry.position,
    source: entry.source,
    score: entry.score,
    stageScores: entry.stageScores,
    predictions: predictionsOf(entry, served.headNames),
    features: namedFeatures(served, features, 'entry', entry.features),
    reasons: entry.reasons,
    propensity: entry.propensity,
  }
}

/** Nothing where the row was frozen under another layout than this shard's. */
function namedFeatures(
  served: FeedServed,
  features: FeatureSet,
  side: FeatureSide,
  bytes: Uint8Array,
): Record<string, number | readonly string[]> {
  if (served.featureSet !== features.fingerprint || bytes.byteLength === 0) return {}
  const { idsBySlot, denseByName } = explainRow(features, side, decodeFeatureRow(bytes))
  return { ...idsBySlot, ...denseByName }
}

function rulesOf({ scoring, selection, exploration, pool }: Params): string[] {
  return [
    `creators stand at least ${selection.creatorSpacing} entries apart`,
    `at most ${selection.hashtagCap} of ten entries share a topic`,
    `each further entry of a topic must score ${selection.topicDiscount} more`,
    `the session's likes weigh ${scoring.sessionAffinity}`,
    `a new user's topics weigh ${scoring.coldTopics}, half of it after ${scoring.coldOutcomes} outcomes`,
    `"not interested" weighs ${scoring.lessOf} and halves every ${scoring.lessOfHalfLifeHours} h`,
    `exploration starts at ${exploration.epsilonCold} and ends at ${exploration.epsilonFloor}`,
    `a video served and not reached waits ${pool.holdMinutes} min`,
  ]
}
