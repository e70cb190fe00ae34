// The write sides together: which count rows one example or correction moves, and by how much. An example followed by its
// corrections moves every row of totals by exactly what its final labels alone would.
import type { Example, LabelCorrection } from '../../schemas/generated.ts'
import { absentRowId, type RowId } from '../../schemas/ids.ts'
import { heads } from '../../schemas/labels.ts'
import { OneCopy } from '../../schemas/layouts/byte-slabs.ts'
import { decodeFeatureRow, type FeatureRow } from '../../schemas/layouts/feature-row.ts'
import { decodeFloats } from '../../schemas/layouts/floats.ts'
import { addOutcomeColumns, type CountTable, countDimension } from './count-columns.ts'
import type { Outcome } from './feature.ts'
import type { FeatureSet, SideLayout } from './feature-set.ts'

/** Add `values` to the row. Increments of one record share `values`: read only. */
export interface CountIncrement {
  readonly table: CountTable
  readonly id: RowId
  readonly values: Float32Array
}

/**
 * Increments of one record, ids distinct per table. None for features frozen under another layout than the set's: their
 * ids cannot be told apart; and none where nothing changes. An outcome is one outcome, however little its view weighs; where the
 * joiner keeps a share of the negatives, a kept one counts for those it stands for, so rates stay what they were. Where a table
 * decays, a correction moves the row at its own time, so what had decayed meanwhile is not given back.
 */
export function countIncrements(example: Example | LabelCorrection, features: FeatureSet): CountIncrement[] {
  if (example.featureSet !== features.fingerprint) return []
  const values = columnChange(example)
  if (values.every((value) => value === 0)) return []
  const outcome = frozenOutcome(example, features)
  const increments: CountIncrement[] = []
  const sink = {
    add(table: CountTable, id: RowId) {
      if (id !== absentRowId && !isAmong(increments, table, id)) increments.push({ table, id, values })
    },
  }
  for (const feature of features.features) feature.write?.(outcome, sink)
  return increments
}

/** There are few enough of one record to look at each. */
function isAmong(increments: readonly CountIncrement[], table: CountTable, id: RowId): boolean {
  for (let index = 0; index < increments.length; index++) {
    const increment = increments[index]!
    if (increment.table === table && increment.id === id) return true
  }
  return false
}

function columnChange(example: Example | LabelCorrection): Float32Array {
  const change = new Float32Array(countDimension)
  const outcomes = outcomesBehind(example.weight)
  if (example.type === 'Example') {
    addOutcomeColumns(labelsInOrder(example.labels, example.headNames), outcomes, change)
  } else {
    addOutcomeColumns(labelsInOrder(example.after, example.headNames), outcomes, change)
    addOutcomeColumns(labelsInOrder(example.before, example.headNames), -outcomes, change)
  }
  return change
}

/** A weight above 1 comes from sampling alone; one below, from a view that tells little of a taste and did happen. */
function outcomesBehind(weight: number): number {
  return weight > 1 ? weight : 1
}

/** Labels by `heads`; NaN where the record has no such head. */
function labelsInOrder(bytes: Uint8Array, headNames: readonly string[]): Float32Array {
  const labels = decodeFloats(bytes)
  if (isInOrder(headNames)) return labels
  return Float32Array.from(heads, (head) => labels[headNames.indexOf(head)] ?? Number.NaN)
}

function isInOrder(headNames: readonly string[]): boolean {
  for (let index = 0; index < heads.length; index++) if (headNames[index] !== heads[index]) return false
  return true
}

const queryMemory = new OneCopy()
const entryMemory = new OneCopy()

/** Good until the next. */
function frozenOutcome(example: Example | LabelCorrection, features: FeatureSet): Outcome {
  const query = decodeFeatureRow(example.queryFeatures, queryMemory)
  const entry = decodeFeatureRow(example.features, entryMemory)
  return {
    idsOf: (slot) => slotIds(features.query, query, slot) ?? slotIds(features.entry, entry, slot) ?? [],
    labels: decodeFloats(example.type === 'Example' ? example.labels : example.after),
    eventTimeMs: example.eventTimeMs,
    surface: example.surface,
    region: example.region,
    videoId: example.videoId,
    userId: example.userId,
  }
}

/** The ids that are present in a slot; null where the side has no such slot. */
function slotIds(layout: SideLayout, row: FeatureRow, slot: string): RowId[] | null {
  const place = layout.slotByName.get(slot)
  if (!place) return null
  const ids: RowId[] = []
  for (let index = place.start; index < place.start + place.width; index++) {
    const id = row.ids[index] as RowId | undefined
    if (id !== undefined && id !== absentRowId) ids.push(id)
  }
  return ids
}
