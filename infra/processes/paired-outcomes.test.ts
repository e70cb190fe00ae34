// Two models are compared only where both predicted, whichever came first, and by the same sums as one would do by hand; which
// models are shadowed follows from the events alone.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { Example, PoliciesRecord } from '../../schemas/generated.ts'
import { heads } from '../../schemas/labels.ts'
import { encodeFloats } from '../../schemas/layouts/floats.ts'
import { auc } from '../../trainers/evaluation/auc.ts'
import { PairedOutcomes } from './paired-outcomes.ts'
import { shadowsAfter } from './shadow-models.ts'

interface View {
  readonly user: number
  readonly label: number
  readonly live: number | null
  readonly shadow: number | null
}

const chance = fc.integer({ min: 1, max: 99 }).map((percent) => Math.fround(percent / 100))
const view: fc.Arbitrary<View> = fc.record({
  user: fc.nat(4),
  label: fc.constantFrom(0, 1),
  live: fc.option(chance, { freq: 4 }),
  shadow: fc.option(chance, { freq: 4 }),
})

test('the lead is that of the examples which both predicted, in whatever order they came', () => {
  fc.assert(
    fc.property(fc.array(view, { minLength: 1, maxLength: 60 }), fc.boolean(), (views, isShadowFirst) => {
      const outcomes = new PairedOutcomes(64)
      for (const side of isShadowFirst ? (['shadow', 'live'] as const) : (['live', 'shadow'] as const)) {
        for (const [at, one] of views.entries()) {
          if (one[side] !== null) outcomes.note(side, [exampleOf(at, one)], rowOf(one[side]))
        }
      }
      const both = views.filter(({ live, shadow }) => live !== null && shadow !== null)
      const gains = both.map(({ live, shadow, label }) => lossOf(live!, label) - lossOf(shadow!, label))
      const mean = gains.reduce((sum, gain) => sum + gain, 0) / gains.length
      const labels = both.map(({ label }) => label)
      const ahead =
        auc(
          both.map(({ shadow }) => shadow!),
          labels,
        ) -
        auc(
          both.map(({ live }) => live!),
          labels,
        )
      const lead = outcomes.lead('longView')
      assert.equal(outcomes.pairs, both.length)
      assert.equal(lead.outcomes, both.length)
      assert.ok(near(lead.logLoss, mean), `${lead.logLoss} for ${mean}`)
      assert.ok(near(lead.auc, ahead), `${lead.auc} for ${ahead}`)
      assert.equal(outcomes.lead('like').outcomes, 0)
    }),
  )
})

test('an example that is repeated for its user tells no more than once', () => {
  const leads = [1, 7].map((times) => {
    const outcomes = new PairedOutcomes()
    for (let at = 0; at < 20 * times; at++) {
      const one = { user: at % 20, label: at % 3 === 0 ? 1 : 0, live: 0.4, shadow: 0.2 + (at % 20) / 40 }
      const same = { ...one, label: (at % 20) % 3 === 0 ? 1 : 0 }
      outcomes.note('live', [exampleOf(at, same)], rowOf(same.live))
      outcomes.note('shadow', [exampleOf(at, same)], rowOf(same.shadow))
    }
    return outcomes.lead('longView')
  })
  assert.ok(near(leads[0]!.logLoss, leads[1]!.logLoss))
  assert.ok(near(leads[0]!.logLossError, leads[1]!.logLossError))
})

test('what waits for the other side, and what is compared, is bounded by the window', () => {
  const outcomes = new PairedOutcomes(8)
  const views = Array.from({ length: 40 }, (_, at) => ({ user: at, label: at % 2, live: 0.5, shadow: 0.25 }))
  for (const [at, one] of views.entries()) outcomes.note('live', [exampleOf(at, one)], rowOf(one.live))
  for (const [at, one] of views.entries()) outcomes.note('shadow', [exampleOf(at, one)], rowOf(one.shadow))
  assert.equal(outcomes.pairs, 0)
  for (const [at, one] of views.entries()) {
    outcomes.note('live', [exampleOf(100 + at, one)], rowOf(one.live))
    outcomes.note('shadow', [exampleOf(100 + at, one)], rowOf(one.shadow))
  }
  assert.deepEqual([outcomes.pairs, outcomes.lead('longView').outcomes], [40, 8])
})

test('a model is shadowed until that is ended or it is promoted', () => {
  const event = (type: 'ModelShadowed' | 'ShadowEnded' | 'ModelPromoted', model: string): PoliciesRecord => ({
    type,
    ...{ eventId: '', eventTimeMs: 0, receivedTimeMs: 0, model, by: null },
  })
  const events = [
    event('ModelShadowed', 'one'),
    event('ShadowEnded', 'unknown'),
    event('ModelShadowed', 'two'),
    event('ModelShadowed', 'one'),
  ]
  assert.deepEqual(shadowsAfter(events), ['one', 'two'])
  assert.deepEqual(shadowsAfter([...events, event('ModelPromoted', 'one')]), ['two'])
  assert.deepEqual(shadowsAfter([...events, event('ShadowEnded', 'two'), event('ModelShadowed', 'two')]), [
    'one',
    'two',
  ])
})

function rowOf(longView: number): Float32Array {
  return Float32Array.from(heads, (head) => (head === 'longView' ? longView : 0.5))
}

function exampleOf(number: number, { user, label }: View): Example {
  const labels = encodeFloats(Float32Array.of(label))
  const known = { exampleId: `example-${number}`, userId: `user-${user}`, headNames: ['longView'], labels }
  return { type: 'Example', ...known } as unknown as Example
}

function lossOf(probability: number, label: number): number {
  return -Math.log(label === 1 ? probability : 1 - probability)
}

function near(left: number, right: number): boolean {
  return Object.is(left, right) || Math.abs(left - right) < 1e-6
}
