// Normal streams never trip the guard, cold starts and changing labels included; broken models do, soon, and for good.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import type { BatchQuality } from '../../schemas/generated.ts'
import { PublicationGuard } from './publication-guard.ts'

/** Uniform in [0, 1) (mulberry32, a public-domain generator). */
function uniforms(seed: number): () => number {
  let state = seed | 0
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let bits = Math.imul(state ^ (state >>> 15), 1 | state)
    bits = (bits + Math.imul(bits ^ (bits >>> 7), 61 | bits)) ^ bits
    return ((bits ^ (bits >>> 14)) >>> 0) / 2 ** 32
  }
}

interface World {
  readonly seed: number
  /** Logit of the base rate. */
  readonly base: number
  /** How far logits of examples lie apart, and how much of that the model comes to know. */
  readonly spread: number
  readonly skill: number
  /** Examples after which half of the way from the first guess is gone. */
  readonly halfWay: number
  /** Share of the logits that is noise of the model's own. */
  readonly noise: number
}

const sigmoid = (logit: number): number => 1 / (1 + Math.exp(-logit))
const logLossOf = (logit: number, label: number): number => {
  const p = Math.min(1 - 1e-7, Math.max(1e-7, sigmoid(logit)))
  return -Math.log(label === 1 ? p : 1 - p)
}

/** A model that learns this world, batch by batch, from a first guess of one half. */
class Stream {
  readonly #world: World
  readonly #next: () => number
  #seen = 0
  base: number

  constructor(world: World) {
    this.#world = world
    this.#next = uniforms(world.seed)
    this.base = world.base
  }

  batch(examples: number, broken: (logit: number) => number = (logit) => logit): BatchQuality {
    const { spread, skill, halfWay, noise } = this.#world
    let [logLoss, positives] = [0, 0]
    for (let index = 0; index < examples; index++) {
      const known = 1 - 0.5 ** (++this.#seen / halfWay)
      // About normal: the sum of some uniforms.
      const draw = () => this.#next() + this.#next() + this.#next() + this.#next() - 2
      const own = draw() * 1.7 * spread
      const label = this.#next() < sigmoid(this.base + own) ? 1 : 0
      const logit = known * (this.base + skill * own + noise * draw())
      logLoss += logLossOf(broken(logit), label)
      positives += label
    }
    return { examples, logLoss, positives, nonFinite: 0 }
  }
}

const anyWorld: fc.Arbitrary<World> = fc.record({
  seed: fc.integer(),
  base: fc.double({ min: -3.5, max: 2.5, noNaN: true }),
  spread: fc.double({ min: 0, max: 2, noNaN: true }),
  skill: fc.double({ min: 0, max: 1, noNaN: true }),
  halfWay: fc.integer({ min: 50, max: 3_000 }),
  noise: fc.double({ min: 0, max: 0.4, noNaN: true }),
})
/** Worlds of which a model comes to know something. */
const learnable = anyWorld.filter(({ spread, skill, base }) => spread > 0.8 && skill > 0.5 && base > -2.5)

/** Feeds batches until so many examples are through or the guard holds; gives how many were. */
function feed(
  guard: PublicationGuard,
  examplesMax: number,
  batchRows: number,
  next: (rows: number) => BatchQuality,
): number {
  let examples = 0
  while (examples < examplesMax && !guard.held) {
    guard.note(next(batchRows), examples)
    examples += batchRows
  }
  return examples
}

/** Fixed, because what chance may do is bounded, not ruled out: 800 streams of each kind passed when it was chosen. */
const runs = (numRuns: number) => ({ numRuns, seed: 20_261 })

const anyBatchRows = fc.constantFrom(1, 7, 60, 512)

describe('publication guard', () => {
  test('normal streams never trip it, whatever is learned of them, from the first example on', () => {
    fc.assert(
      fc.property(anyWorld, anyBatchRows, (world, batchRows) => {
        const guard = new PublicationGuard()
        const stream = new Stream(world)
        feed(guard, 40_000, batchRows, (rows) => stream.batch(rows))
        assert.equal(guard.held, null)
      }),
      runs(60),
    )
  })

  test('labels that change at once do not trip it: a constant is as wrong as the model', () => {
    fc.assert(
      fc.property(learnable, fc.double({ min: -2, max: 2, noNaN: true }), (world, jump) => {
        const guard = new PublicationGuard()
        const stream = new Stream(world)
        feed(guard, 20_000, 64, (rows) => stream.batch(rows))
        // The model follows with the next thousands of examples.
        const before = stream.base
        let seen = 0
        const late = () => {
          stream.base = before + jump
          const lag = jump * 0.5 ** (seen / 1_000)
          seen += 64
          return stream.batch(64, (logit) => logit - lag)
        }
        feed(guard, 20_000, 64, late)
        assert.equal(guard.held, null)
      }),
      runs(40),
    )
  })

  test('exploded weights trip it within a window or two', () => {
    fc.assert(
      fc.property(learnable, anyBatchRows, (world, batchRows) => {
        const guard = new PublicationGuard()
        const stream = new Stream(world)
        const next = uniforms(world.seed + 1)
        feed(guard, 12_000, batchRows, (rows) => stream.batch(rows))
        assert.equal(guard.held, null)
        const taken = feed(guard, 4_000, batchRows, (rows) => stream.batch(rows, () => (next() < 0.5 ? -15 : 15)))
        assert.ok(guard.held)
        assert.ok(taken <= 1_024 + batchRows, `${taken} examples`)
      }),
      runs(30),
    )
  })

  test('a metric that falls below a constant trips it, as soon as its window closes', () => {
    fc.assert(
      fc.property(learnable, (world) => {
        const guard = new PublicationGuard()
        const stream = new Stream(world)
        feed(guard, 30_000, 64, (rows) => stream.batch(rows))
        assert.equal(guard.held, null)
        // What was likely is unlikely now.
        const taken = feed(guard, 12_000, 64, (rows) => stream.batch(rows, (logit) => 1 - 1.5 * logit))
        assert.ok(guard.held, JSON.stringify(guard.state()))
        assert.ok(taken <= 12_000)
      }),
      runs(30),
    )
  })

  test('anything that is no number trips it at once, for good, until it is released', () => {
    const good: BatchQuality = { examples: 10, logLoss: 5, positives: 3, nonFinite: 0 }
    for (const bad of [
      { ...good, nonFinite: 1 },
      { ...good, logLoss: Number.NaN },
    ]) {
      const guard = new PublicationGuard()
      guard.note(good, 1)
      guard.note(bad, 2)
      for (let offset = 3; offset < 3_000; offset++) guard.note(good, offset)
      guard.hold('loss-exploded', 3_000)
      assert.deepEqual(guard.held, { reason: 'non-finite', sinceOffset: 2 })
      guard.release()
      assert.equal(guard.held, null)
    }
  })

  test('what is released when nothing holds keeps what it knows', () => {
    const guard = new PublicationGuard()
    const stream = new Stream({ seed: 3, base: 0, spread: 2, skill: 1, halfWay: 100, noise: 0 })
    feed(guard, 9_000, 50, (rows) => stream.batch(rows))
    const before = guard.state()
    guard.release()
    assert.deepEqual(guard.state(), before)
  })

  test('its state is JSON, and decides the same from any batch on', () => {
    fc.assert(
      fc.property(learnable, fc.nat(300), (world, cut) => {
        const [whole, first, second] = [new PublicationGuard(), new PublicationGuard(), new PublicationGuard()]
        const stream = new Stream(world)
        for (let index = 0; index < 300; index++) {
          const batch = stream.batch(40, (logit) => (index > 200 ? -4 * logit : logit))
          whole.note(batch, index)
          if (index === cut) second.restore(JSON.parse(JSON.stringify(first.state())))
          const own = index < cut ? first : second
          own.note(batch, index)
        }
        if (cut < 300) assert.deepEqual(second.state(), whole.state())
      }),
      { numRuns: 20 },
    )
  })
})
