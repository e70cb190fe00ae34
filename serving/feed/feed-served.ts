// The record of a page: what was shown, what it was scored on and what the shard knew, whole, so that the page can be
// explained, learned from and made again.
import type { FeedServed, ServedEntry } from '../../schemas/generated.ts'
import { encodeFeatureRow, type FeatureRow } from '../../schemas/layouts/feature-row.ts'
import type { PipelineOutcome, StageTrace } from '../pipeline/pipeline-runner.ts'
import type { FeedCandidate } from './feed-candidate.ts'
import type { FeedQuery } from './feed-query.ts'

/** Numbers are rounded to what the wire keeps: the page answered now equals the page read back. */
export function feedServed(
  query: FeedQuery,
  outcome: PipelineOutcome<FeedCandidate>,
  headNames: readonly string[],
): FeedServed {
  const { request, session, view, context, params } = query
  const ranked = outcome.page.some((candidate) => candidate.predictions.length > 0)
  const pool = outcome.pool.slice(0, params.pool.loggedMax)
  return {
    type: 'FeedServed',
    eventId: request.requestId,
    eventTimeMs: query.nowMs,
    receivedTimeMs: query.nowMs,
    requestId: request.requestId,
    userId: request.userId,
    sessionId: session.sessionId,
    page: session.nextPage,
    seed: session.seed,
    feed: request.feed,
    surface: request.surface,
    device: request.device,
    network: request.network,
    language: context.language,
    region: context.region,
    featureSet: query.features === null ? '' : view.features.fingerprint,
    queryFeatures: rowBytes(query.features),
    headNames: ranked ? [...headNames] : [],
    entries: outcome.page.map(servedEntry),
    model: view.model.model,
    modelVersion: view.model.version,
    generation: view.vectors.generation,
    policyVersion: view.policies.version,
    stamp: view.stamp,
    sources: outcome.stages.filter((stage) => stage.kind === 'source').map(sourceOutcome),
    removed: Object.fromEntries(
      outcome.stages.filter((stage) => stage.kind === 'filter').map((stage) => [stage.name, stage.candidates]),
    ),
    poolIds: pool.map((candidate) => candidate.entry.videoId),
    poolScores: pool.map((candidate) => Math.fround(candidate.score)),
    imported: false,
  }
}

function servedEntry(candidate: FeedCandidate, position: number): ServedEntry {
  const { entry, sources, predictions, stageScores } = candidate
  return {
    videoId: entry.videoId,
    creatorId: entry.facts.creatorId,
    position,
    source: sources[0]!,
    features: rowBytes(candidate.features),
    similarity: predictions.length > 0 ? Math.fround(candidate.similarity) : null,
    predictions: [...predictions],
    score: Math.fround(candidate.score),
    stageScores: Object.fromEntries(Object.entries(stageScores).map(([name, score]) => [name, Math.fround(score)])),
    propensity: Math.fround(candidate.propensity),
    reasons: [...candidate.reasons],
  }
}

function sourceOutcome({ name, candidates, outcome, tookMicros }: StageTrace): FeedServed['sources'][number] {
  return { name, candidates, outcome, tookMicros }
}

/** Empty where nothing was hydrated. */
function rowBytes(row: FeatureRow | null): Uint8Array {
  return row === null ? new Uint8Array(0) : encodeFeatureRow(row.ids, row.dense)
}
