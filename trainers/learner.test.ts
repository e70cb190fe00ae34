// What a batch weighs: corrections that come one at a time take back what their examples taught together, no more.
import assert from 'node:assert/strict'
import { before, describe, test } from 'node:test'
import { heads } from '../schemas/labels.ts'
import { Learner } from './learner.ts'
import { denseCompute } from './model/compute.ts'
import { initialDense } from './model/initial-parameters.ts'
import { modelLayout } from './model/model-layout.ts'
import { sampleFeatures, sampleSpec } from './model/sample-features.ts'
import { correctionOf, PlantedWorld } from './planted-world.ts'
import { type TrainingRow, trainingRow } from './training-row.ts'

const layout = modelLayout(sampleSpec, sampleFeatures)
const unknown = new Float32Array(heads.length).fill(Number.NaN)

before(() => denseCompute())

/** Sums of gradients by tensor and by row, at parameters that stay as they are. */
class Gradients {
  readonly #learner: Learner
  readonly sums = new Map<string, Float64Array>()

  constructor() {
    const initial = initialDense(sampleSpec, layout)
    this.#learner = new Learner({ spec: sampleSpec, layout, initial, dense: initial })
  }

  learn(rows: readonly TrainingRow[]): void {
    for (const { ids, count, values, dimension } of this.#learner.collect(rows)) {
      for (let index = 0; index < count * dimension; index++) {
        values[index] = Math.sin(Number(ids[Math.floor(index / dimension)]! % 1_000n) + (index % dimension)) / 10
      }
    }
    this.#learner.learn(rows, {
      rows: ({ table, ids, count, values, dimension }) => {
        for (let row = 0; row < count; row++) {
          this.#add(`${table} ${ids[row]}`, values.subarray(row * dimension, (row + 1) * dimension))
        }
      },
      dense: (name, gradient) => this.#add(name, gradient),
    })
  }

  /** The largest of any. */
  get most(): number {
    return Math.max(...[...this.sums.values()].flatMap((own) => [...own].map(Math.abs)))
  }

  #add(name: string, gradient: Float32Array): void {
    const sum = this.sums.get(name) ?? new Float64Array(gradient.length)
    for (const [index, value] of gradient.entries()) sum[index] = sum[index]! + value
    this.sums.set(name, sum)
  }
}

describe('a batch of corrections alone', () => {
  const world = new PlantedWorld(3)
  const examples = Array.from({ length: 36 }, (_, index) => world.exampleOf(index % 7, index, [], false))
  const rowOf = (record: Parameters<typeof trainingRow>[0]) => trainingRow(record, layout) as TrainingRow
  const taught = examples.map(rowOf)
  const takenBack = examples.map((example) => rowOf(correctionOf(example, unknown)))

  test('of one each takes back what the batch of their examples taught', () => {
    const gradients = new Gradients()
    gradients.learn(taught)
    const { most } = gradients
    assert.ok(most > 0.1, `${most}`)
    for (const correction of takenBack) gradients.learn([correction])
    assert.ok(gradients.most < 1e-4 * most, `${gradients.most} of ${most} is left`)
  })

  test('weighs by its own size where that is more, and before there was any example', () => {
    const [later, first] = [new Gradients(), new Gradients()]
    later.learn(taught.slice(0, 4))
    later.sums.clear()
    for (const gradients of [later, first]) gradients.learn(takenBack)
    assert.deepEqual(later.sums, first.sums)
  })
})
