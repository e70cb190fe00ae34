// Cells of a row as values, by the columns that a mapping names. What a cell cannot be is a BadValue whose message names the
// column and never the value, so that a thousand wrong cells are one kind.
import { idLengthMax } from '../../../serving/gateway/shapes.ts'
import { nearestName } from '../../config/config-keys.ts'
import { BadValue } from './bad-rows.ts'
import type { NamedMapping, SpanMapping, TimeMapping } from './csv-mapping.ts'
import { parseTime } from './local-time.ts'
import { invalid } from './read-mapping.ts'

export type Cells = readonly string[]
export type CellReader<Value> = (cells: Cells) => Value

const earliestMs = Date.UTC(1980, 0)
const latestMs = Date.UTC(2100, 0)
const spanMsMax = 7 * 86_400_000
const msByUnit = { us: 0.001, ms: 1, s: 1_000, min: 60_000 } as const

/** The columns of one file. Readers may be asked for in any order; `check` then throws what is missing, all at once. */
export class CsvColumns {
  private readonly file: string
  private readonly indexByName: ReadonlyMap<string, number>
  private readonly problems: string[] = []
  readonly names: readonly string[]

  constructor(file: string, names: readonly string[]) {
    this.file = file
    this.names = names
    this.indexByName = new Map(names.map((name, index) => [name, index]))
  }

  /** Throws config-invalid with every column that a field names and the file lacks. */
  check(): void {
    if (this.problems.length > 0) throw invalid(this.problems)
  }

  /** The cell, without white space around it. */
  text(column: string, field: string): CellReader<string> {
    const index = this.indexByName.get(column)
    if (index === undefined) {
      const nearest = nearestName(column, this.names)
      const list = this.names.slice(0, 20).join(', ')
      this.problems.push(
        `${field}: ${this.file} has no column ${JSON.stringify(column)}: did you mean ${JSON.stringify(nearest)}? Its columns are ${list}`,
      )
      return () => ''
    }
    return (cells) => cells[index]!.trim()
  }

  id(column: string, field: string): CellReader<string> {
    const text = this.text(column, field)
    return (cells) => {
      const id = text(cells)
      if (id === '') throw new BadValue(`${column} is empty`)
      if (id.length > idLengthMax) throw new BadValue(`${column} is longer than ${idLengthMax} characters`)
      return id
    }
  }

  /** Null where no column is named or the cell is empty. */
  optionalId(column: string | undefined, field: string): CellReader<string | null> {
    if (column === undefined) return () => null
    const text = this.text(column, field)
    return (cells) => {
      const id = text(cells)
      if (id.length > idLengthMax) throw new BadValue(`${column} is longer than ${idLengthMax} characters`)
      return id === '' ? null : id
    }
  }

  /** Null where the cell is empty. */
  number(column: string, field: string): CellReader<number | null> {
    const text = this.text(column, field)
    return (cells) => {
      const cell = text(cells)
      return cell === '' ? null : numberOf(cell, column)
    }
  }

  /** Milliseconds UTC, whole; null where the cell is empty. */
  time(mapping: TimeMapping, field: string): CellReader<number | null> {
    const { column, unit, zone = 'UTC' } = mapping
    const text = this.text(column, `${field}.column`)
    return (cells) => {
      const cell = text(cells)
      if (cell === '') return null
      const timeMs = unit === 'iso' ? parseTime(cell, zone) : Math.round(numberOf(cell, column) * msByUnit[unit])
      if (timeMs === null) throw new BadValue(`${column} is not a time like 2026-05-01T18:30:00Z`)
      if (timeMs < earliestMs) throw new BadValue(`${column} is before 1980: is ${field}.unit right?`)
      if (timeMs > latestMs) throw new BadValue(`${column} is after 2100: is ${field}.unit right?`)
      return timeMs
    }
  }

  requiredTime(mapping: TimeMapping, field: string): CellReader<number> {
    const time = this.time(mapping, field)
    return (cells) => {
      const timeMs = time(cells)
      if (timeMs === null) throw new BadValue(`${mapping.column} is empty`)
      return timeMs
    }
  }

  /** Milliseconds, whole; null where no column is named or the cell is empty. */
  span(mapping: SpanMapping | undefined, field: string): CellReader<number | null> {
    if (mapping === undefined) return () => null
    const number = this.number(mapping.column, `${field}.column`)
    return (cells) => {
      const value = number(cells)
      if (value === null) return null
      if (value < 0) throw new BadValue(`${mapping.column} is below 0`)
      const spanMs = Math.round(value * msByUnit[mapping.unit])
      // A player left running is clipped later; this is a wrong unit or a broken counter.
      return Math.min(spanMs, spanMsMax)
    }
  }

  /** The cell with its prefix, or what stands for an empty one; null where neither is there. */
  named(mapping: NamedMapping | undefined, field: string): CellReader<string | null> {
    if (mapping === undefined) return () => null
    const { column, prefix = '', otherwise = null } = mapping
    if (column === undefined) return () => otherwise
    const text = this.optionalId(column, `${field}.column`)
    return (cells) => {
      const cell = text(cells)
      return cell === null ? otherwise : `${prefix}${cell}`
    }
  }
}

/** `auto`: a number where it reads as one. */
export function numberOf(cell: string, column: string): number {
  const value = Number(cell)
  if (!Number.isFinite(value)) throw new BadValue(`${column} is not a number`)
  return value
}
