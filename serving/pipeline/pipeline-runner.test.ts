// The runner's promises: fixed order, every candidate accounted for, a throwing stage named and survived.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { type RunnerOptions, runPipeline } from './pipeline-runner.ts'
import type { Filter, Pipeline, ScorerStage, Source } from './stages.ts'

interface Query {
  readonly limit: number
}
interface Candidate {
  readonly key: number
  readonly sources: string[]
  score: number
  readonly noted: Record<string, number>
}

const candidate = (key: number, source: string): Candidate => ({ key, sources: [source], score: 0, noted: {} })

function options(overrides: Partial<RunnerOptions<Query, Candidate>> = {}): RunnerOptions<Query, Candidate> {
  let ticks = 0
  return {
    clock: { nowMs: () => 0, monotonicMs: () => ticks++ },
    keyOf: (one) => one.key,
    merge: (kept, again) => kept.sources.push(...again.sources),
    scoreOf: (one) => one.score,
    setScore: (one, score) => {
      one.score = score
    },
    noteScore: (one, scorer, score) => {
      one.noted[scorer] = score
    },
    limitOf: (query) => query.limit,
    failClosed: new Set(['safety']),
    poolMax: 1_000,
    ...overrides,
  }
}

const source = (name: string, keys: readonly number[]): Source<Query, Candidate> => ({
  name,
  enabled: () => true,
  retrieve: () => keys.map((key) => candidate(key, name)),
})
const filter = (name: string, keeps: (key: number) => boolean): Filter<Query, Candidate> => ({
  name,
  enabled: () => true,
  filter: (_query, candidates) => ({
    kept: candidates.filter((one) => keeps(one.key)),
    removed: candidates.filter((one) => !keeps(one.key)),
  }),
})
const scorer = (name: string, score: (key: number) => number): ScorerStage<Query, Candidate> => ({
  name,
  enabled: () => true,
  score: (_query, candidates) => {
    for (const one of candidates) one.score += score(one.key)
  },
})

function pipeline(overrides: Partial<Pipeline<Query, Candidate>> = {}): Pipeline<Query, Candidate> {
  return {
    queryHydrators: [],
    sources: [],
    hydrators: [],
    filters: [],
    scorers: [],
    selector: { name: 'top', enabled: () => true, select: (query, pool) => pool.slice(0, query.limit) },
    sideEffects: [],
    ...overrides,
  }
}
const throws = (): never => {
  throw new Error('broken')
}

describe('pipeline runner', () => {
  test('every candidate of every source is in the pool or counted as removed', () => {
    fc.assert(
      fc.property(
        fc.array(fc.array(fc.nat(60), { maxLength: 30 }), { maxLength: 4 }),
        fc.array(fc.integer({ min: 2, max: 5 }), { maxLength: 3 }),
        (keysBySource, divisors) => {
          const outcome = runPipeline(
            pipeline({
              sources: keysBySource.map((keys, index) => source(`s${index}`, keys)),
              filters: divisors.map((divisor, index) => filter(`f${index}`, (key) => key % divisor !== 0)),
              scorers: [scorer('id', (key) => key)],
            }),
            { limit: 5 },
            options(),
          )
          const distinct = new Set(keysBySource.flat())
          const removed = outcome.stages
            .filter((one) => one.kind === 'filter')
            .reduce((sum, one) => sum + one.candidates, 0)
          assert.equal(outcome.pool.length + removed, distinct.size)
          const want = [...distinct]
            .filter((key) => divisors.every((divisor) => key % divisor !== 0))
            .sort((a, b) => b - a)
          assert.deepEqual(
            outcome.pool.map((one) => one.key),
            want,
          )
          assert.deepEqual(
            outcome.page.map((one) => one.key),
            want.slice(0, 5),
          )
        },
      ),
    )
  })

  test('a candidate of two sources stays one and belongs to the first', () => {
    const outcome = runPipeline(pipeline({ sources: [source('a', [1]), source('b', [1, 2])] }), { limit: 5 }, options())
    assert.deepEqual(
      outcome.pool.map((one) => one.sources),
      [['a', 'b'], ['b']],
    )
  })

  test('a throwing source thins the pool and is named', () => {
    const outcome = runPipeline(
      pipeline({ sources: [{ ...source('a', []), retrieve: throws }, source('b', [1])] }),
      { limit: 5 },
      options(),
    )
    assert.equal(outcome.page.length, 1)
    assert.deepEqual(
      outcome.stages.filter((one) => one.kind === 'source').map((one) => [one.name, one.outcome, one.error]),
      [
        ['a', 'failed', 'broken'],
        ['b', 'ok', null],
      ],
    )
  })

  test('a filter that fails on one candidate costs that one only where it must vouch for it', () => {
    const fragile = (name: string): Filter<Query, Candidate> => ({
      ...filter(name, () => true),
      filter: (_query, candidates) => {
        if (candidates.some((one) => one.key === 2)) throws()
        return { kept: candidates.filter((one) => one.key !== 3), removed: candidates.filter((one) => one.key === 3) }
      },
    })
    const run = (name: string) =>
      runPipeline(pipeline({ sources: [source('a', [1, 2, 3])], filters: [fragile(name)] }), { limit: 5 }, options())
    assert.deepEqual(
      run('safety').pool.map((one) => one.key),
      [1],
    )
    assert.deepEqual(
      run('taste').pool.map((one) => one.key),
      [1, 2],
    )
    assert.equal(run('taste').stages.find((one) => one.kind === 'filter')!.candidates, 1)
  })

  test('a filter that loses or doubles a candidate counts as failed', () => {
    const leaky: Filter<Query, Candidate> = {
      ...filter('taste', () => true),
      filter: (_query, candidates) => ({ kept: candidates.slice(1), removed: [] }),
    }
    const outcome = runPipeline(pipeline({ sources: [source('a', [1, 2])], filters: [leaky] }), { limit: 5 }, options())
    assert.equal(outcome.pool.length, 2)
    assert.equal(outcome.stages.find((one) => one.kind === 'filter')!.outcome, 'failed')
  })

  test('a scorer that fails half way leaves no trace in the scores, nor does one that gives NaN', () => {
    const half: ScorerStage<Query, Candidate> = {
      ...scorer('half', () => 0),
      score: (_query, candidates) => {
        candidates[0]!.score += 10
        throws()
      },
    }
    const outcome = runPipeline(
      pipeline({
        sources: [source('a', [1, 2])],
        scorers: [scorer('id', (key) => key), half, scorer('nan', () => Number.NaN)],
      }),
      { limit: 5 },
      options(),
    )
    assert.deepEqual(
      outcome.pool.map((one) => [one.key, one.score]),
      [
        [2, 2],
        [1, 1],
      ],
    )
    assert.deepEqual(outcome.pool[0]!.noted, { id: 2, half: 2, nan: 2 })
  })

  test('a selector that throws gives the best of the pool; a side effect that throws changes nothing', () => {
    const outcome = runPipeline(
      pipeline({
        sources: [source('a', [1, 2, 3])],
        scorers: [scorer('id', (key) => key)],
        selector: { name: 'broken', enabled: () => true, select: throws },
        sideEffects: [{ name: 'broken', enabled: () => true, record: throws }],
      }),
      { limit: 2 },
      options(),
    )
    assert.deepEqual(
      outcome.page.map((one) => one.key),
      [3, 2],
    )
  })

  test('the pool is bounded and earlier sources win', () => {
    const outcome = runPipeline(
      pipeline({ sources: [source('a', [1, 2]), source('b', [3, 4])] }),
      { limit: 5 },
      options({ poolMax: 3 }),
    )
    assert.deepEqual(
      outcome.pool.map((one) => one.key),
      [1, 2, 3],
    )
  })
})
