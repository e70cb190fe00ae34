// Runs a pipeline's stages in their fixed order in one synchronous turn. Each stage is timed, counted and guarded: one
// that throws thins the pool and is named in the trace, it never loses the page.
import { assert } from '../../streams/runtime/errors.ts'
import type { Clock } from '../../streams/runtime/runtime.ts'
import type { Filter, FilterResult, Pipeline, ScorerStage, Source } from './stages.ts'

export type StageKind = 'query-hydrator' | 'source' | 'hydrator' | 'filter' | 'scorer' | 'selector' | 'side-effect'
export type StageOutcome = 'ok' | 'failed' | 'disabled'

export interface StageTrace {
  readonly kind: StageKind
  readonly name: string
  readonly outcome: StageOutcome
  /** Candidates brought by a source, removed by a filter, else 0. */
  readonly candidates: number
  readonly tookMicros: number
  /** What was thrown, where the stage failed. */
  readonly error: string | null
}

export interface PipelineOutcome<Candidate> {
  /** In the order of the page. */
  readonly page: Candidate[]
  /** Everything that was scored, best first. */
  readonly pool: Candidate[]
  readonly stages: readonly StageTrace[]
}

/** What the runner must know of a candidate, and the limits it keeps. */
export interface RunnerOptions<Query, Candidate> {
  readonly clock: Clock
  /** Candidates with one key are one candidate; it belongs to the first source that brought it. */
  keyOf(candidate: Candidate): string | number
  /** The same candidate came from a later source too. */
  merge(kept: Candidate, again: Candidate): void
  scoreOf(candidate: Candidate): number
  setScore(candidate: Candidate, score: number): void
  /** The score a scorer left. */
  noteScore(candidate: Candidate, scorer: string, score: number): void
  limitOf(query: Query): number
  /** Filters that must vouch for a candidate: one they fail on is removed. Other filters that fail keep it. */
  readonly failClosed: ReadonlySet<string>
  /** Most candidates hydrated and scored; sources later in the list lose first. */
  readonly poolMax: number
}

/** One page. Never throws for a stage that does; throws what `clock` or the options throw. */
export function runPipeline<Query, Candidate>(
  pipeline: Pipeline<Query, Candidate>,
  query: Query,
  options: RunnerOptions<Query, Candidate>,
): PipelineOutcome<Candidate> {
  const turn = new Turn(query, options)
  for (const stage of pipeline.queryHydrators) {
    turn.guard('query-hydrator', stage, () => {
      stage.hydrateQuery(query)
      return 0
    })
  }
  let candidates = retrieve(pipeline.sources, turn)
  for (const stage of pipeline.hydrators) {
    turn.guard('hydrator', stage, () => {
      stage.hydrate(query, candidates)
      return 0
    })
  }
  for (const stage of pipeline.filters) candidates = applyFilter(stage, candidates, turn)
  for (const stage of pipeline.scorers) applyScorer(stage, candidates, turn)
  const pool = bestFirst(candidates, options)
  let page = pool.slice(0, options.limitOf(query))
  turn.guard('selector', pipeline.selector, () => {
    page = pipeline.selector.select(query, pool)
    return 0
  })
  for (const stage of pipeline.sideEffects) {
    turn.guard('side-effect', stage, () => {
      stage.record(query, page)
      return 0
    })
  }
  return { page, pool, stages: turn.stages }
}

class Turn<Query, Candidate> {
  readonly stages: StageTrace[] = []
  readonly query: Query
  readonly options: RunnerOptions<Query, Candidate>

  constructor(query: Query, options: RunnerOptions<Query, Candidate>) {
    this.query = query
    this.options = options
  }

  /** Runs one stage, writes its trace, tells whether it ran whole. */
  guard(kind: StageKind, stage: { name: string; enabled(query: Query): boolean }, run: () => number): StageOutcome {
    const started = this.options.clock.monotonicMs()
    let outcome: StageOutcome = 'disabled'
    let candidates = 0
    let error: string | null = null
    try {
      if (stage.enabled(this.query)) {
        candidates = run()
        outcome = 'ok'
      }
    } catch (thrown) {
      outcome = 'failed'
      error = thrown instanceof Error ? thrown.message : String(thrown)
    }
    const tookMicros = Math.round((this.options.clock.monotonicMs() - started) * 1_000)
    this.stages.push({ kind, name: stage.name, outcome, candidates, tookMicros, error })
    return outcome
  }
}

function retrieve<Query, Candidate>(
  sources: readonly Source<Query, Candidate>[],
  turn: Turn<Query, Candidate>,
): Candidate[] {
  const { options, query } = turn
  const candidateByKey = new Map<string | number, Candidate>()
  for (const source of sources) {
    turn.guard('source', source, () => {
      const brought = source.retrieve(query)
      for (const candidate of brought) {
        const key = options.keyOf(candidate)
        const kept = candidateByKey.get(key)
        if (kept !== undefined) options.merge(kept, candidate)
        else if (candidateByKey.size < options.poolMax) candidateByKey.set(key, candidate)
      }
      return brought.length
    })
  }
  return [...candidateByKey.values()]
}

function applyFilter<Query, Candidate>(
  stage: Filter<Query, Candidate>,
  candidates: Candidate[],
  turn: Turn<Query, Candidate>,
): Candidate[] {
  let kept = candidates
  const outcome = turn.guard('filter', stage, () => {
    const result = stage.filter(turn.query, candidates)
    assertParted(stage.name, candidates, result)
    kept = result.kept
    return result.removed.length
  })
  if (outcome !== 'failed') return kept
  // The stage is asked again for each candidate alone, so that one odd candidate costs itself and not the page.
  kept = candidates.filter((candidate) => keepsAlone(stage, candidate, turn))
  const failed = turn.stages.pop()!
  turn.stages.push({ ...failed, candidates: candidates.length - kept.length })
  return kept
}

function keepsAlone<Query, Candidate>(
  stage: Filter<Query, Candidate>,
  candidate: Candidate,
  turn: Turn<Query, Candidate>,
): boolean {
  try {
    const result = stage.filter(turn.query, [candidate])
    assertParted(stage.name, [candidate], result)
    return result.kept.length === 1
  } catch {
    return !turn.options.failClosed.has(stage.name)
  }
}

function assertParted<Candidate>(
  name: string,
  candidates: readonly Candidate[],
  { kept, removed }: FilterResult<Candidate>,
): void {
  assert(kept.length + removed.length === candidates.length, `filter ${name} accounts for every candidate`)
  const parted = new Set(kept)
  for (const candidate of removed) parted.add(candidate)
  assert(parted.size === candidates.length, `filter ${name} puts no candidate twice`)
  for (const candidate of candidates) assert(parted.has(candidate), `filter ${name} returns only what it was given`)
}

function applyScorer<Query, Candidate>(
  stage: ScorerStage<Query, Candidate>,
  candidates: readonly Candidate[],
  turn: Turn<Query, Candidate>,
): void {
  const { options, query } = turn
  const before = Float64Array.from(candidates, (candidate) => options.scoreOf(candidate))
  const outcome = turn.guard('scorer', stage, () => {
    stage.score(query, candidates)
    return 0
  })
  if (outcome === 'disabled') return
  candidates.forEach((candidate, index) => {
    const score = options.scoreOf(candidate)
    const sound = outcome === 'ok' && Number.isFinite(score)
    // A scorer that failed half way must not favour the half it reached.
    if (!sound) options.setScore(candidate, before[index]!)
    options.noteScore(candidate, stage.name, sound ? score : before[index]!)
  })
}

/** Best first; equal scores stay in the order in which sources brought them. */
function bestFirst<Query, Candidate>(
  candidates: readonly Candidate[],
  options: RunnerOptions<Query, Candidate>,
): Candidate[] {
  return [...candidates].sort((left, right) => options.scoreOf(right) - options.scoreOf(left))
}
