// The lists of the two feeds. A new component is its file and one line here.
import type { Clock } from '../../streams/runtime/runtime.ts'
import type { Scorer } from '../../trainers/model/model.ts'
import { type PipelineOutcome, runPipeline } from '../pipeline/pipeline-runner.ts'
import type { Filter, Pipeline, QueryHydrator } from '../pipeline/stages.ts'
import type { FeedKind } from '../shard.ts'
import type { FeedCandidate } from './feed-candidate.ts'
import type { FeedQuery } from './feed-query.ts'
import { duplicateFilter } from './filters/duplicate-filter.ts'
import { entryFilters, safetyFilters } from './filters/eligible.ts'
import { heldFilter } from './filters/held-filter.ts'
import { featuresHydrator } from './hydrators/features-hydrator.ts'
import { similarityHydrator } from './hydrators/similarity-hydrator.ts'
import { countsQueryHydrator } from './query-hydrators/counts-query-hydrator.ts'
import { featuresQueryHydrator } from './query-hydrators/features-query-hydrator.ts'
import { historyQueryHydrator } from './query-hydrators/history-query-hydrator.ts'
import { profileQueryHydrator } from './query-hydrators/profile-query-hydrator.ts'
import { vectorQueryHydrator } from './query-hydrators/vector-query-hydrator.ts'
import { coldTopicsScorer } from './scorers/cold-topics-scorer.ts'
import { lessOfScorer } from './scorers/less-of-scorer.ts'
import { rankingScorer } from './scorers/ranking-scorer.ts'
import { sessionAffinityScorer } from './scorers/session-affinity-scorer.ts'
import { foryouSelector } from './selectors/foryou-selector.ts'
import { newestSelector } from './selectors/newest-selector.ts'
import { type SourceShareCounter, sourceShareCounter } from './side-effects/source-share-counter.ts'
import { followedCreatorsSource } from './sources/followed-creators-source.ts'
import { freshSource } from './sources/fresh-source.ts'
import { popularSource } from './sources/popular-source.ts'
import { randomSource } from './sources/random-source.ts'
import { similarSource } from './sources/similar-source.ts'
import { topicsSource } from './sources/topics-source.ts'
import { trendingSource } from './sources/trending-source.ts'
import { twoTowerSource } from './sources/two-tower-source.ts'

export interface FeedPipelineOptions {
  readonly scorer: Scorer
  readonly clock: Clock
}

export interface FeedPipeline {
  /** Heads of the predictions on a For You page. */
  readonly headNames: readonly string[]
  readonly shares: SourceShareCounter
  /** One page in one synchronous turn. */
  run(query: FeedQuery): PipelineOutcome<FeedCandidate>
}

const queryHydrators: readonly QueryHydrator<FeedQuery>[] = [
  profileQueryHydrator,
  historyQueryHydrator,
  countsQueryHydrator,
  featuresQueryHydrator,
]
const filters: readonly Filter<FeedQuery, FeedCandidate>[] = [...entryFilters, heldFilter, duplicateFilter]

export function feedPipeline({ scorer, clock }: FeedPipelineOptions): FeedPipeline {
  const shares = sourceShareCounter()
  const pipelineByFeed: Readonly<Record<FeedKind, Pipeline<FeedQuery, FeedCandidate>>> = {
    foryou: {
      queryHydrators: [...queryHydrators, vectorQueryHydrator],
      sources: [
        twoTowerSource,
        topicsSource,
        similarSource,
        trendingSource,
        followedCreatorsSource,
        freshSource,
        randomSource,
        popularSource,
      ],
      hydrators: [featuresHydrator, similarityHydrator],
      filters,
      scorers: [rankingScorer(scorer), sessionAffinityScorer, coldTopicsScorer, lessOfScorer],
      selector: foryouSelector,
      sideEffects: [shares],
    },
    following: {
      queryHydrators,
      sources: [followedCreatorsSource],
      hydrators: [featuresHydrator],
      filters,
      scorers: [],
      selector: newestSelector,
      sideEffects: [shares],
    },
  }
  return {
    headNames: scorer.headNames,
    shares,
    run: (query) =>
      runPipeline(pipelineByFeed[query.request.feed], query, {
        clock,
        keyOf: (candidate) => candidate.entry.index,
        merge: mergeCandidates,
        scoreOf: (candidate) => candidate.score,
        setScore: (candidate, score) => {
          candidate.score = score
        },
        noteScore: (candidate, name, score) => {
          candidate.stageScores[name] = score
        },
        limitOf: ({ request }) => request.limit,
        failClosed: safetyFilters,
        poolMax: query.params.pool.scoredMax,
      }),
  }
}

function mergeCandidates(kept: FeedCandidate, again: FeedCandidate): void {
  kept.sources.push(...again.sources)
}
