// Frozen rows with names, for people.
import type { FeatureRow } from '../../schemas/layouts/feature-row.ts'
import type { FeatureSide } from './feature.ts'
import type { FeatureSet, SideLayout } from './feature-set.ts'

export interface SideNames {
  /** Slot names with their widths, in layout order. */
  readonly slots: readonly { readonly name: string; readonly width: number }[]
  readonly dense: readonly string[]
}

export function featureNames(set: FeatureSet): Readonly<Record<FeatureSide, SideNames>> {
  return { query: namesOf(set.query), entry: namesOf(set.entry) }
}

function namesOf(layout: SideLayout): SideNames {
  return { slots: layout.slots.map(({ name, width }) => ({ name, width })), dense: layout.denseNames }
}

export interface ExplainedRow {
  /** Present row ids as 16 hex digits, by slot; slots without ids are left out. */
  readonly idsBySlot: Readonly<Record<string, readonly string[]>>
  readonly denseByName: Readonly<Record<string, number>>
}

/** Throws RangeError where the row does not have the side's layout. */
export function explainRow(set: FeatureSet, side: FeatureSide, row: FeatureRow): ExplainedRow {
  const layout = set[side]
  if (row.ids.length !== layout.idCount || row.dense.length !== layout.denseNames.length) {
    throw new RangeError(`a row of ${row.ids.length} ids and ${row.dense.length} values is not of the ${side} layout`)
  }
  const idsBySlot: Record<string, string[]> = {}
  for (const { name, start, width } of layout.slots) {
    const present = [...row.ids.subarray(start, start + width)].filter((id) => id !== 0n)
    if (present.length > 0) idsBySlot[name] = present.map((id) => id.toString(16).padStart(16, '0'))
  }
  const denseByName = Object.fromEntries(layout.denseNames.map((name, index) => [name, row.dense[index]!]))
  return { idsBySlot, denseByName }
}
