// Labels of a row from the conditions of a mapping: yes where every part holds, no where one does not, unknown (null) where
// the cell is empty.
import { BadValue } from './bad-rows.ts'
import type { CellReader, CsvColumns } from './csv-cells.ts'
import type { ConditionMapping, LabelsMapping } from './csv-mapping.ts'
import type { ImportedRow, LabelHead } from './imported-row.ts'

type Labels = ImportedRow['labels']

/** Equal labels are one object: a log has few combinations and many rows. */
export function labelsReader(mapping: LabelsMapping, columns: CsvColumns): CellReader<Labels> {
  const parts = Object.entries(mapping).map(([head, condition]) => ({
    head: head as LabelHead,
    read: conditionReader(condition, columns, `log.labels.${head}`),
  }))
  const known = new Map<number, Labels>()
  return (cells) => {
    let key = 0
    const labels: Partial<Record<LabelHead, boolean | null>> = {}
    for (const { head, read } of parts) {
      const label = read(cells)
      labels[head] = label
      key = key * 3 + (label === null ? 2 : Number(label))
    }
    const same = known.get(key)
    if (same) return same
    known.set(key, labels)
    return labels
  }
}

function conditionReader(condition: ConditionMapping, columns: CsvColumns, field: string): CellReader<boolean | null> {
  const { column, atLeast, above, atMost, below, equals, notEquals } = condition
  const text = columns.text(column, `${field}.column`)
  const wanted = equals === undefined ? null : valueTest(equals)
  const unwanted = notEquals === undefined ? null : valueTest(notEquals)
  const low = Math.max(atLeast ?? Number.NEGATIVE_INFINITY, above ?? Number.NEGATIVE_INFINITY)
  const high = Math.min(atMost ?? Number.POSITIVE_INFINITY, below ?? Number.POSITIVE_INFINITY)
  const numeric = Number.isFinite(low) || Number.isFinite(high)
  return (cells) => {
    const cell = text(cells)
    if (cell === '') return null
    if (wanted && !wanted(cell)) return false
    if (unwanted?.(cell)) return false
    if (!numeric) return true
    const value = Number(cell)
    if (!Number.isFinite(value)) throw new BadValue(`${column} is not a number`)
    return value >= low && value <= high && value !== above && value !== below
  }
}

/** A number is compared as one: "1.0" equals 1. Text is compared without regard to case. */
function valueTest(values: string | number | readonly (string | number)[]): (cell: string) => boolean {
  const list = Array.isArray(values) ? (values as readonly (string | number)[]) : [values as string | number]
  const texts = new Set(list.filter((value) => typeof value === 'string').map((value) => value.toLowerCase()))
  const numbers = new Set(list.filter((value) => typeof value === 'number'))
  return (cell) => texts.has(cell.toLowerCase()) || (numbers.size > 0 && numbers.has(Number(cell)))
}
