// Labels that come late, are taken back, come twice or are sampled teach what the complete labels teach: to the rounding where that
// follows from the mathematics, else within margins that ten triples of seeds kept.
import assert from 'node:assert/strict'
import { before, describe, test } from 'node:test'
import type { Example } from '../schemas/generated.ts'
import { rowId } from '../schemas/ids.ts'
import { headIndex, heads } from '../schemas/labels.ts'
import { decodeFloats } from '../schemas/layouts/floats.ts'
import { countColumnIndex } from '../streams/features/count-columns.ts'
import { ProgressiveMetrics } from './evaluation/progressive-metrics.ts'
import {
  countsOf,
  interactionsOf,
  type Joined,
  joinedOf,
  judge,
  type LabelView,
  labelTrainer,
  labelViews,
  learn,
  likeOf,
  rateOf,
} from './label-world.ts'
import { denseCompute } from './model/compute.ts'
import type { OnlineTrainer, OnlineTrainerOptions } from './online-trainer.ts'
import { CollectedOutput, correctionOf, labelsOf, recorded, tick } from './planted-world.ts'

const views = 4_000
const seeds = [1, 2, 3]
const all = rowId('all', 'all')

before(() => denseCompute())

describe('one view counts once', () => {
  const few = labelViews(5, 200)

  test('whatever is sent twice', () => {
    const once = joinedOf(interactionsOf(few, 'late'))
    const records = interactionsOf(few, 'late')
    const doubled = records.flatMap((record): typeof records => (record.type === 'Tick' ? [record] : [record, record]))
    assert.deepEqual(joinedOf(doubled), once)
    // A client that sends a like again under another id says nothing new.
    const again = (view: LabelView) =>
      view.isLiked ? [likeOf(view, view.likeDelayMs + 1_000, { eventId: `again ${view.page.requestId}` })] : []
    assert.deepEqual(joinedOf(interactionsOf(few, 'late', again)), once)
  })

  test('counts of corrected, doubled and withdrawn likes are exactly those of the final labels', () => {
    const withdrawn = (view: LabelView) => [
      likeOf(view, 100, { eventId: `liked first ${view.page.requestId}` }),
      likeOf(view, 200, { eventId: `withdrawn ${view.page.requestId}`, withdrawn: true }),
    ]
    const corrected = joinedOf(interactionsOf(few, 'never', withdrawn))
    assert.equal(corrected.filter(({ type }) => type === 'LabelCorrection').length, 2 * few.length)
    assert.deepEqual(countsOf(corrected), countsOf(joinedOf(interactionsOf(few, 'never'))))
    const ended = [
      ...interactionsOf(few, 'late'),
      ...few.filter(({ isLiked }) => isLiked).map((view) => likeOf(view, 1e6)),
    ]
    assert.deepEqual(countsOf(joinedOf(ended)), countsOf(joinedOf(interactionsOf(few, 'atOnce'))))
  })

  test('a correction after a correction, in the batch of its example, moves rows and tensors as the final labels would', () => {
    const taught = joinedOf(interactionsOf(few, 'atOnce'))
    const later = joinedOf(interactionsOf(labelViews(6, 40), 'never')).filter((record) => record.type === 'Example')
    const [first, second] = [false, true].map(labelsOf)
    const final = first!.slice()
    final[headIndex.like] = 1
    const steps = later.flatMap((example): Joined[] => {
      const told = { ...example, labels: correctionOf(example, first!).after }
      return [
        told,
        correctionOf(told, second!),
        { ...correctionOf(told, final), before: correctionOf(told, second!).after },
      ]
    })
    // As many records, so that the batch weighs the same.
    const atOnce = later.flatMap((example): Joined[] => {
      const told: Example = { ...example, labels: correctionOf(example, final).after }
      return [told, correctionOf(told, final), correctionOf(told, final)]
    })
    const ends = [steps, atOnce].map((batch) => {
      const trainer = labelTrainer()
      const output = new CollectedOutput()
      for (const record of recorded([...taught, ...batch, tick(1e7)])) trainer.step(record, output)
      assert.deepEqual(output.reasons, [])
      return trainer
    })
    const untouched = labelTrainer()
    for (const record of recorded([...taught, tick(1e7)])) untouched.step(record, new CollectedOutput())
    assert.ok(furthest(ends[0]!, ends[1]!) < 1e-4, `${furthest(ends[0]!, ends[1]!)}`)
    assert.ok(furthest(ends[0]!, untouched) > 1e-2)
    assert.equal(ends[0]!.metrics.head('like').seen, ends[1]!.metrics.head('like').seen)
  })
})

describe('late and sampled labels', () => {
  const judged = seeds.map((seed) => labelViews(1_000 + seed, 1_000))
  const shown = seeds.map((seed) => labelViews(seed, views))
  const late = shown.map((own) => joinedOf(interactionsOf(own, 'late')))
  const sampled = shown.map((own) => joinedOf(interactionsOf(own, 'late'), 0.25))

  /** Means over the seeds. */
  const taughtBy = (streams: readonly (readonly Joined[])[]) => {
    const learned = streams.map((joined, index) => learn(joined, judged[index]!))
    const mean = (head: 'like' | 'longView') => {
      const judgements = learned.map(({ averaged }, index) => judge(averaged(head), judged[index]!, head))
      const over = (name: 'auc' | 'calibration') =>
        judgements.reduce((sum, own) => sum + own[name] / judgements.length, 0)
      return { auc: over('auc'), calibration: over('calibration') }
    }
    return { like: mean('like'), longView: mean('longView') }
  }
  let complete: ReturnType<typeof taughtBy>

  before(async () => {
    await denseCompute()
    complete = taughtBy(shown.map((own) => joinedOf(interactionsOf(own, 'atOnce'))))
  })

  test('likes that come after their views end near the complete labels, and are lost without corrections', () => {
    assert.ok(late[0]!.filter(({ type }) => type === 'LabelCorrection').length > 500)
    const corrected = taughtBy(late)
    for (const head of ['like', 'longView'] as const) {
      assert.ok(Math.abs(corrected[head].auc - complete[head].auc) < 0.02, `${head}: ${corrected[head].auc}`)
      const calibration = corrected[head].calibration / complete[head].calibration
      assert.ok(Math.abs(calibration - 1) < 0.08, `${head}: ${calibration} of the complete labels' mean`)
    }
    const uncorrected = taughtBy([late[0]!.filter(({ type }) => type !== 'LabelCorrection')])
    assert.ok(uncorrected.like.auc < complete.like.auc - 0.08, `${uncorrected.like.auc}`)
    assert.ok(uncorrected.like.calibration < 0.05)
  })

  test('a quarter of the negatives, weighted, calibrates within 5 % of all of them', () => {
    const examplesOf = (joined: readonly Joined[]) => joined.filter(({ type }) => type === 'Example').length
    assert.ok(examplesOf(sampled[0]!) < 0.7 * examplesOf(late[0]!))
    const weighted = taughtBy(sampled)
    for (const head of ['like', 'longView'] as const) {
      assert.ok(Math.abs(weighted[head].auc - complete[head].auc) < 0.05, `${head}: ${weighted[head].auc}`)
      const calibration = weighted[head].calibration / complete[head].calibration
      assert.ok(Math.abs(calibration - 1) < 0.05, `${head}: ${calibration} of the complete labels' mean`)
    }
    const even = sampled[0]!.map((record) => (record.type === 'Tick' ? record : { ...record, weight: 1 }))
    assert.ok(taughtBy([even]).longView.calibration > 1.35)
  })

  test('what trainers say of themselves weighs the sampled by what they stand for', () => {
    const records = interactionsOf(shown[0]!, 'atOnce')
    const predictionsById = new Map<string, Float32Array>()
    const trainerOf = (joined: readonly Joined[], onLearned: OnlineTrainerOptions['onLearned'] = () => {}) => {
      const trainer = labelTrainer(onLearned)
      for (const record of recorded([...joined, tick(1e7)])) trainer.step(record, new CollectedOutput())
      return trainer
    }
    const whole = trainerOf(joinedOf(records), (examples, predictions) => {
      for (const [row, { exampleId }] of examples.entries()) {
        predictionsById.set(exampleId, predictions.slice(row * heads.length, (row + 1) * heads.length))
      }
    }).metrics
    const kept = joinedOf(records, 0.25)
    const own = trainerOf(kept).metrics
    const ofWhole = new ProgressiveMetrics()
    for (const one of kept) {
      if (one.type !== 'Example') continue
      ofWhole.add(predictionsById.get(one.exampleId)!, decodeFloats(one.labels), 0, one.weight)
    }
    for (const head of ['like', 'longView'] as const) {
      const [all, sampled] = [whole.head(head), ofWhole.head(head)]
      assert.ok(sampled.seen < 0.7 * all.seen)
      for (const { baseRate } of [sampled, own.head(head)]) {
        assert.ok(Math.abs(baseRate / all.baseRate - 1) < 0.1, `${head}: rate ${baseRate}, of all ${all.baseRate}`)
      }
      const [auc, logLoss] = [sampled.auc.auc - all.auc.auc, sampled.logLoss.mean - all.logLoss.mean]
      assert.ok(Math.abs(auc) < 2.5 * sampled.auc.standardError, `${head}: AUC off by ${auc}`)
      assert.ok(Math.abs(logLoss) < 2.5 * sampled.logLoss.standardError, `${head}: log loss off by ${logLoss}`)
    }
  })

  test('counts of sampled views lose no like, and their rates are those of all views', () => {
    for (const [index, own] of sampled.entries()) {
      const [counts, whole] = [countsOf(own), countsOf(late[index]!)]
      for (const head of ['like', 'longView'] as const) {
        const column = countColumnIndex[head]
        assert.equal(counts.get(all)![column], whole.get(all)![column], head)
        const ratio = rateOf(counts, all, head) / rateOf(whole, all, head)
        assert.ok(Math.abs(ratio - 1) < 0.05, `${head}: ${ratio} of the rate`)
      }
      // Each topic for itself: a few hundred negatives, a quarter of them drawn.
      for (const id of whole.keys()) {
        const ratio = counts.get(id)![countColumnIndex.outcomes]! / whole.get(id)![countColumnIndex.outcomes]!
        assert.ok(Math.abs(ratio - 1) < 0.3, `${ratio} of the outcomes`)
      }
      for (const record of own) if (record.type === 'Example') assert.ok(record.weight === 4 || record.weight === 1)
    }
  })
})

/** Largest difference of any number of any row or tensor. */
function furthest(one: OnlineTrainer, other: OnlineTrainer): number {
  let most = 0
  const compare = (left: Float32Array, right: Float32Array): void => {
    for (let index = 0; index < left.length; index++) most = Math.max(most, Math.abs(left[index]! - right[index]!))
  }
  for (const [name, table] of one.shard.tables) {
    const ids = table.drainTouched()
    const [left, right] = [one, other].map(({ shard }) => {
      const values = new Float32Array(ids.length * table.spec.dimension)
      shard.pull(name, ids, ids.length, values)
      return values
    })
    compare(left!, right!)
  }
  for (const [name, { values }] of one.shard.dense) compare(values, other.shard.dense.get(name)!.values)
  return most
}
