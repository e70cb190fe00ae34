// What each feature is worth to the model, by permutation (Breiman 2001, section 10): rows that are not learned yet are
// predicted as they are, and once for each feature with its values exchanged among them. The draws are seeded by feature.
import type { Example } from '../../../schemas/generated.ts'
import { slotSeed } from '../../../schemas/ids.ts'
import {
  decodeFeatureRow,
  encodeFeatureRow,
  type FeatureRow,
  featureRow,
} from '../../../schemas/layouts/feature-row.ts'
import type { Feature, FeatureSide } from '../../../streams/features/feature.ts'
import type { FeatureSet } from '../../../streams/features/feature-set.ts'
import { type InputLayout, modelLayout } from '../../../trainers/model/model-layout.ts'
import type { ModelSpec } from '../../../trainers/model/model-spec.ts'
import type { OnlineTrainer } from '../../../trainers/online-trainer.ts'
import { mix32, seededRandom } from '../../simulation/seeded-random.ts'
import { labelRows, type PermutedRows, rowsOf } from './run-journal.ts'

/** Shares of the run at which rows are taken: late, when there is something to lose, and at several times of day. */
const poolShares = [0.6, 0.7, 0.8, 0.9]

/** How many records are stepped before each pool is taken. */
export function importancePools(recordsExpected: number, importanceRows: number): number[] {
  return importanceRows === 0 ? [] : poolShares.map((share) => Math.floor(share * recordsExpected))
}

export function poolRows(importanceRows: number): number {
  return Math.ceil(importanceRows / poolShares.length)
}

export interface PermutedModel {
  readonly spec: ModelSpec
  readonly features: FeatureSet
  readonly trainer: OnlineTrainer
}

interface DecodedExample {
  readonly example: Example
  readonly query: FeatureRow
  readonly entry: FeatureRow
}

/** null where no row fits the model. Nothing is learned. */
export function permutedRows(
  pool: readonly Example[],
  poolNumber: number,
  { spec, features, trainer }: PermutedModel,
): PermutedRows | null {
  const whole = trainer.predict(pool)
  const fitting = pool.filter((_, row) => whole[row] !== null)
  if (fitting.length === 0) return null
  const rows = fitting.map((example) => ({
    example,
    query: decodeFeatureRow(example.queryFeatures),
    entry: decodeFeatureRow(example.features),
  }))
  const used = usedFeatures(spec, features)
  const permuted = used.flatMap((feature) => {
    const order = shuffled(rows.length, mix32(poolNumber, Number(slotSeed(feature.name) & 0xffffffffn)))
    return trainer.predict(rows.map((row, index) => withFeatureOf(row, rows[order[index]!]!, feature, features)))
  })
  return {
    kind: 'permuted',
    features: used.map(({ name }) => name),
    userIds: fitting.map(({ userId }) => userId),
    labels: labelRows(fitting),
    predictions: rowsOf([...whole, ...permuted].filter((prediction) => prediction !== null)),
  }
}

/** Those that the spec reads anything of. */
function usedFeatures(spec: ModelSpec, features: FeatureSet): Feature[] {
  const { ranker, towers } = modelLayout(spec, features)
  const slots = new Set<string>()
  const dense = new Set<string>()
  const note = (input: InputLayout, side: FeatureSide): void => {
    for (const table of input.tables) for (const block of table.blocks) slots.add(block.slot)
    for (const source of input.denseSources) dense.add(`${side} ${features[side].denseNames[source]!}`)
  }
  for (const part of [ranker, towers]) {
    note(part.query, 'query')
    note(part.entry, 'entry')
  }
  return features.features.filter(
    (feature) =>
      feature.slots.some(({ name }) => slots.has(name)) ||
      feature.dense.some(({ name, side }) => dense.has(`${side} ${name}`)),
  )
}

/** The row with everything that the feature wrote taken from `other`. */
function withFeatureOf(row: DecodedExample, other: DecodedExample, feature: Feature, features: FeatureSet): Example {
  const changed: Record<FeatureSide, FeatureRow> = { query: row.query, entry: row.entry }
  for (const side of ['query', 'entry'] as const) {
    const layout = features[side]
    const slots = feature.slots.filter((slot) => slot.side === side)
    const dense = feature.dense.filter((value) => value.side === side)
    if (slots.length + dense.length === 0) continue
    const [ids, values] = [row[side].ids.slice(), row[side].dense.slice()]
    for (const { name } of slots) {
      const { start, width } = layout.slotByName.get(name)!
      ids.set(other[side].ids.subarray(start, start + width), start)
    }
    for (const { name } of dense) {
      const index = layout.denseIndexByName.get(name)!
      values[index] = other[side].dense[index]!
    }
    changed[side] = featureRow(ids, values)
  }
  return {
    ...row.example,
    queryFeatures: encodeFeatureRow(changed.query.ids, changed.query.dense),
    features: encodeFeatureRow(changed.entry.ids, changed.entry.dense),
  }
}

/** Fisher and Yates. */
function shuffled(length: number, seed: number): Int32Array {
  const random = seededRandom(seed)
  const order = Int32Array.from({ length }, (_, index) => index)
  for (let last = length - 1; last > 0; last--) {
    const other = random.below(last + 1)
    const held = order[last]!
    order[last] = order[other]!
    order[other] = held
  }
  return order
}
