// The stages of a feed, in their fixed order: query hydrators, sources, hydrators, filters, scorers, selector, side
// effects. A stage is a name, a switch and one verb; the runner times, counts and guards each.

interface Stage<Query> {
  readonly name: string
  enabled(query: Query): boolean
}

/** Adds to the query what later stages need. */
export interface QueryHydrator<Query> extends Stage<Query> {
  hydrateQuery(query: Query): void
}

/** Brings candidates. */
export interface Source<Query, Candidate> extends Stage<Query> {
  retrieve(query: Query): Candidate[]
}

/** Adds to the candidates what later stages need. */
export interface Hydrator<Query, Candidate> extends Stage<Query> {
  hydrate(query: Query, candidates: readonly Candidate[]): void
}

export interface FilterResult<Candidate> {
  readonly kept: Candidate[]
  readonly removed: Candidate[]
}

/** Parts candidates into kept and removed; every candidate is in exactly one. */
export interface Filter<Query, Candidate> extends Stage<Query> {
  filter(query: Query, candidates: readonly Candidate[]): FilterResult<Candidate>
}

/** Sets or adjusts candidates' scores. */
export interface ScorerStage<Query, Candidate> extends Stage<Query> {
  score(query: Query, candidates: readonly Candidate[]): void
}

/** Chooses and orders the page from scored candidates. */
export interface Selector<Query, Candidate> extends Stage<Query> {
  select(query: Query, candidates: readonly Candidate[]): Candidate[]
}

/** Sees the page; changes nothing of it. */
export interface SideEffect<Query, Candidate> extends Stage<Query> {
  record(query: Query, page: readonly Candidate[]): void
}

export interface Pipeline<Query, Candidate> {
  readonly queryHydrators: readonly QueryHydrator<Query>[]
  readonly sources: readonly Source<Query, Candidate>[]
  readonly hydrators: readonly Hydrator<Query, Candidate>[]
  readonly filters: readonly Filter<Query, Candidate>[]
  readonly scorers: readonly ScorerStage<Query, Candidate>[]
  readonly selector: Selector<Query, Candidate>
  readonly sideEffects: readonly SideEffect<Query, Candidate>[]
}
