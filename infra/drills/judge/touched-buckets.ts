// Which buckets an example touches, worked out from its frozen ids and the model's spec alone.
import type { Example, LabelCorrection } from '../../../schemas/generated.ts'
import { decodeFeatureRow } from '../../../schemas/layouts/feature-row.ts'
import { countIncrements } from '../../../streams/features/count-increments.ts'
import type { FeatureSet, SideLayout } from '../../../streams/features/feature-set.ts'
import { type Bucketing, itemBucketOf, userBucketOf } from '../../../trainers/model/buckets.ts'
import type { ModelSpec } from '../../../trainers/model/model-spec.ts'
import type { BucketsTouched } from './range-check.ts'

/** Of a trained model: the buckets of all rows that its ranker or its towers read, and the dense one. */
export function touchedByTraining(spec: ModelSpec, features: FeatureSet, layout: Bucketing): BucketsTouched {
  const sideByTable = new Map(spec.tables.map(({ name, side }) => [name, side]))
  const tableBySlot = new Map(spec.slots.map(({ name, table }) => [name, table]))
  const rankerPlaces = (spec.ranker?.slots ?? []).map((slot) => ({
    slot,
    side: sideByTable.get(tableBySlot.get(slot)!)!,
  }))
  const towerSide = spec.towers ? sideByTable.get(spec.towers.table)! : 'item'
  const places = [...rankerPlaces, ...(spec.towers?.slots ?? []).map((slot) => ({ slot, side: towerSide }))]
  return (example, examplePartition) => {
    const touched = new Set<number>(layout.denseBucket === null ? [] : [layout.denseBucket])
    const idsOf = (slot: string): bigint[] => [
      ...idsIn(features.query, example.queryFeatures, slot),
      ...idsIn(features.entry, example.features, slot),
    ]
    for (const { slot, side } of places) {
      for (const id of idsOf(slot)) {
        if (id === 0n) continue
        touched.add(side === 'user' ? userBucketOf(examplePartition, layout) : bucketOfItem(id, layout))
      }
    }
    return touched
  }
}

/** Of running counts: the buckets of the rows that its outcome moves. */
export function touchedByCounting(features: FeatureSet, layout: Bucketing): BucketsTouched {
  return (example: Example | LabelCorrection) =>
    new Set(countIncrements(example, features).map(({ id }) => bucketOfItem(id, layout)))
}

export function bucketOfItem(id: bigint, layout: Bucketing): number {
  return itemBucketOf(Number(id >> 32n), layout)
}

function idsIn(side: SideLayout, bytes: Uint8Array, slot: string): bigint[] {
  const place = side.slotByName.get(slot)
  if (!place) return []
  const { ids } = decodeFeatureRow(bytes)
  return [...ids.subarray(place.start, place.start + place.width)]
}
