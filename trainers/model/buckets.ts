// Which bucket owns a row: buckets are the partitions of `gradients.<model>`, fixed when the topic is created. Item-side
// rows are spread by id, user-side rows follow the user's partition, dense tensors have the last bucket to themselves.

import { assert } from '../../streams/runtime/errors.ts'
import type { ModelSpec, ModelTableSpec } from './model-spec.ts'

export interface Bucketing {
  /** Partitions of the model's topics. */
  readonly buckets: number
  /** Buckets 0 to rowBuckets - 1 hold rows. */
  readonly rowBuckets: number
  /** The bucket of the dense tensors; null for a model without any. */
  readonly denseBucket: number | null
}

/** One bucket holds everything; of several the last holds the dense tensors, where the model has some. */
export function bucketing(buckets: number, hasDense: boolean): Bucketing {
  assert(Number.isInteger(buckets) && buckets >= 1, `${buckets} buckets`)
  if (!hasDense) return { buckets, rowBuckets: buckets, denseBucket: null }
  return buckets === 1
    ? { buckets, rowBuckets: 1, denseBucket: 0 }
    : { buckets, rowBuckets: buckets - 1, denseBucket: buckets - 1 }
}

/** As `bucketing`, for a model: one with ranker and towers has dense tensors. */
export function bucketingOf({ ranker, towers }: ModelSpec, buckets: number): Bucketing {
  return bucketing(buckets, ranker !== null && towers !== null)
}

/** Bucket of the user-side rows of a user partition. */
export function userBucketOf(userPartition: number, { rowBuckets }: Bucketing): number {
  return userPartition % rowBuckets
}

/** Bucket of an item-side row, from the upper half of its id (little-endian pairs of u32: the second of each). */
export function itemBucketOf(idHighHalf: number, { rowBuckets }: Bucketing): number {
  return idHighHalf % rowBuckets
}

/** Positions of the first `count` ids by bucket; absent ids (0) are in none. O(count). */
export function positionsByBucket(
  side: ModelTableSpec['side'],
  ids: BigUint64Array,
  count: number,
  userBucket: number,
  layout: Bucketing,
): Uint32Array[] {
  const halves = new Uint32Array(ids.buffer, ids.byteOffset, count * 2)
  const counts = new Uint32Array(layout.rowBuckets)
  const bucketOf = (position: number) =>
    side === 'user' ? userBucket : itemBucketOf(halves[position * 2 + 1]!, layout)
  const isAbsent = (position: number) => halves[position * 2] === 0 && halves[position * 2 + 1] === 0
  for (let position = 0; position < count; position++) {
    if (!isAbsent(position)) counts[bucketOf(position)]!++
  }
  const out = Array.from(counts, (size) => new Uint32Array(size))
  counts.fill(0)
  for (let position = 0; position < count; position++) {
    if (isAbsent(position)) continue
    const bucket = bucketOf(position)
    out[bucket]![counts[bucket]!++] = position
  }
  return out
}
