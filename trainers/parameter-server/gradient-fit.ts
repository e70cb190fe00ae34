// Whether a gradient fits the model and the bucket it was sent to, before anything of it is applied.
import type { Gradient } from '../../schemas/generated.ts'
import { decodeFloats } from '../../schemas/layouts/floats.ts'
import { decodeGradientRows, type TableGradient } from '../../schemas/layouts/gradient-rows.ts'
import { type Bucketing, itemBucketOf } from '../model/buckets.ts'
import type { DenseParameter } from '../model/model.ts'
import type { ModelSpec } from '../model/model-spec.ts'

export interface FittingGradient {
  readonly rows: readonly TableGradient[]
  readonly dense: readonly { readonly name: string; readonly values: Float32Array }[]
}

export interface Misfit {
  readonly misfit: string
}

/** `dense`: the tensors of this bucket; none where it is not the dense one. */
export function fittingGradient(
  gradient: Gradient,
  spec: ModelSpec,
  layout: Bucketing,
  dense: ReadonlyMap<string, DenseParameter>,
): FittingGradient | Misfit {
  const rows = tryDecode(gradient.rows)
  if (typeof rows === 'string') return { misfit: rows }
  for (const table of rows) {
    const misfit = misfitOf(table, spec, gradient.bucket, layout)
    if (misfit !== null) return { misfit }
  }
  const tensors: { name: string; values: Float32Array }[] = []
  for (const { name, values } of gradient.dense) {
    const own = dense.get(name)
    if (!own) return { misfit: `bucket ${gradient.bucket} has no dense tensor ${name}` }
    if (values.byteLength !== own.values.byteLength) {
      return { misfit: `dense gradient ${name} has ${values.byteLength} bytes, expected ${own.values.byteLength}` }
    }
    tensors.push({ name, values: decodeFloats(values) })
  }
  return { rows, dense: tensors }
}

function tryDecode(bytes: Uint8Array): TableGradient[] | string {
  if (bytes.byteLength === 0) return []
  try {
    return decodeGradientRows(bytes)
  } catch (cause) {
    if (cause instanceof RangeError) return cause.message
    throw cause
  }
}

function misfitOf(
  { table, dimension, ids }: TableGradient,
  spec: ModelSpec,
  bucket: number,
  layout: Bucketing,
): string | null {
  const own = spec.tables.find(({ name }) => name === table)
  if (!own) return `${spec.model} has no table ${table}`
  if (dimension !== own.dimension) return `gradients of ${dimension} columns, table ${table} has ${own.dimension}`
  if (ids.length > 0 && bucket >= layout.rowBuckets) return `bucket ${bucket} holds no rows`
  if (own.side === 'user' || layout.rowBuckets === 1) return null
  const halves = new Uint32Array(ids.buffer, ids.byteOffset, ids.length * 2)
  for (let high = 1; high < halves.length; high += 2) {
    const owner = itemBucketOf(halves[high]!, layout)
    if (owner !== bucket) return `a row of table ${table} belongs to bucket ${owner}, not to ${bucket}`
  }
  return null
}
