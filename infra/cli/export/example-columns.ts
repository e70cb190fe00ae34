// Examples with a column for each feature and each head. Of a slot: the id, or a list of them where it can hold several, as
// unsigned 64-bit numbers, absent ones left out. Heads: y_ known outcome (of a correction the new one, and was_ the old), p_ as
// predicted at serving; watch times in seconds. Features of another set than the one given are null.
import type { Example, LabelCorrection } from '../../../schemas/generated.ts'
import { heads } from '../../../schemas/labels.ts'
import { decodeFeatureRow, type FeatureRow } from '../../../schemas/layouts/feature-row.ts'
import { decodeFloats } from '../../../schemas/layouts/floats.ts'
import type { FeatureSide } from '../../../streams/features/feature.ts'
import type { FeatureSet } from '../../../streams/features/feature-set.ts'
import type { ParquetColumn, ParquetValue } from './parquet-table.ts'

type AnyExample = Example | LabelCorrection

export interface ExampleColumns {
  readonly columns: readonly ParquetColumn[]
  /** In the order of the columns. */
  valuesOf(record: AnyExample): ParquetValue[]
}

/** Fields that these columns replace. */
export const flattenedFields: ReadonlySet<string> = new Set([
  'queryFeatures',
  'features',
  'headNames',
  'labels',
  'before',
  'after',
  'predictions',
])

export function exampleColumns(features: FeatureSet): ExampleColumns {
  const sides = (['query', 'entry'] as const).map((side) => sideColumns(features, side))
  const headColumns = ['y', 'was', 'p'].flatMap((what) =>
    heads.map((head): ParquetColumn => ({ name: `${what}_${head}`, type: 'float' })),
  )
  const nothing = sides.flatMap(({ columns }) => columns.map(() => null))
  return {
    columns: [...sides.flatMap(({ columns }) => columns), ...headColumns],
    valuesOf(record) {
      const known =
        record.featureSet === features.fingerprint ? sides.flatMap(({ valuesOf }) => valuesOf(record)) : nothing
      const isExample = record.type === 'Example'
      return [
        ...known,
        ...headValues(isExample ? record.labels : record.after, record.headNames, true),
        ...headValues(isExample ? null : record.before, record.headNames, true),
        ...headValues(isExample ? record.predictions : null, record.headNames, false),
      ]
    },
  }
}

function sideColumns(features: FeatureSet, side: FeatureSide): ExampleColumns {
  const layout = features[side]
  const prefix = side === 'query' ? 'q' : 'e'
  const slots = layout.slots.map(
    ({ name, width }): ParquetColumn => ({
      name: `${prefix}_${name}`,
      type: 'id',
      ...(width > 1 ? { isList: true } : {}),
    }),
  )
  const dense = layout.denseNames.map((name): ParquetColumn => ({ name: `${prefix}_${name}`, type: 'float' }))
  return {
    columns: [...slots, ...dense],
    valuesOf(record) {
      const row = readRow(side === 'query' ? record.queryFeatures : record.features)
      if (row === null) return [...slots, ...dense].map(() => null)
      const ids = layout.slots.map(({ start, width }) => {
        const present = [...row.ids.subarray(start, start + width)].filter((id) => id !== 0n)
        return width > 1 ? present : (present[0] ?? null)
      })
      return [...ids, ...row.dense]
    },
  }
}

function readRow(bytes: Uint8Array): FeatureRow | null {
  try {
    return decodeFeatureRow(bytes)
  } catch (error) {
    if (error instanceof RangeError) return null
    throw error
  }
}

/** `isLabel`: watch time stands as log1p of its seconds. */
function headValues(bytes: Uint8Array | null, headNames: readonly string[], isLabel: boolean): ParquetValue[] {
  if (bytes === null) return heads.map(() => null)
  const values = decodeFloats(bytes)
  return heads.map((head) => {
    const value = values[headNames.indexOf(head)] ?? Number.NaN
    if (Number.isNaN(value)) return null
    return isLabel && head === 'watchTime' ? Math.expm1(value) : value
  })
}
