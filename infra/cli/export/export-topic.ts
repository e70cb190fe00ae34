// A range of a topic as one Parquet file, record by record, so that memory holds no more than a row group.
import { renameSync, rmSync } from 'node:fs'
import { decode } from '../../../schemas/codec.ts'
import type { AnyRecord } from '../../../schemas/generated.ts'
import { deadLetterOf, examples } from '../../../schemas/topics.ts'
import type { FeatureSet } from '../../../streams/features/feature-set.ts'
import type { Log, LogRecord } from '../../../streams/log/log.ts'
import { readDeadLetter } from '../../../streams/processor/dead-letter.ts'
import { mergedRecords, type PartitionRange } from '../training/merged-records.ts'
import { exampleColumns, flattenedFields } from './example-columns.ts'
import { type ParquetColumn, ParquetTable, type ParquetValue } from './parquet-table.ts'
import { fieldsByName, recordColumns } from './record-columns.ts'

export interface ExportOptions {
  readonly log: Log
  readonly topic: string
  readonly ranges: readonly PartitionRange[]
  readonly path: string
  /** What the features of examples are read by. */
  readonly features: FeatureSet
  onProgress?(rows: number): void
}

export interface ExportReport {
  readonly rows: number
  readonly columns: number
  /** Deletions and Ticks, which say nothing. */
  readonly passedOver: number
  /** They stand in the file with their position and reason. */
  readonly undecodable: number
  /** Examples whose features are of another set: those columns are null. */
  readonly otherFeatureSets: number
}

interface RowShape {
  readonly columns: readonly ParquetColumn[]
  valuesOf(record: LogRecord): ParquetValue[] | null
}

const placeColumns: readonly ParquetColumn[] = [
  { name: 'log_partition', type: 'int' },
  { name: 'log_offset', type: 'long' },
  { name: 'log_time', type: 'time' },
  { name: 'log_key', type: 'string' },
  { name: 'type', type: 'string' },
]

/** The file is there when this resolves, whole or not at all. */
export async function exportTopic(options: ExportOptions): Promise<ExportReport> {
  const { log, topic, ranges, path, features, onProgress } = options
  const counts = { passedOver: 0, undecodable: 0, otherFeatureSets: 0 }
  const shape = topic.endsWith(deadLetterOf('')) ? deadLetterShape() : shapeOf(topic, features, counts)
  const columns = [...placeColumns, ...shape.columns]
  const unfinished = `${path}.writing`
  try {
    const table = new ParquetTable(unfinished, columns, { topic, ranges, featureSet: features.fingerprint })
    for await (const records of mergedRecords(log, ranges)) {
      for (const record of records) {
        const values = shape.valuesOf(record)
        if (values === null) counts.passedOver++
        else table.add(values)
      }
      onProgress?.(table.rows)
    }
    table.finish()
    renameSync(unfinished, path)
    return { rows: table.rows, columns: columns.length, ...counts }
  } finally {
    rmSync(unfinished, { force: true })
  }
}

function shapeOf(
  topic: string,
  features: FeatureSet,
  counts: { undecodable: number; otherFeatureSets: number },
): RowShape {
  const flattened = topic === examples ? exampleColumns(features) : null
  const plain = recordColumns(topic).filter(({ name }) => !(flattened && flattenedFields.has(name)))
  const reason: ParquetColumn = { name: 'undecodable', type: 'string' }
  const flat = (record: AnyRecord): ParquetValue[] => {
    if (!flattened || (record.type !== 'Example' && record.type !== 'LabelCorrection')) return []
    if (record.featureSet !== features.fingerprint) counts.otherFeatureSets++
    return flattened.valuesOf(record)
  }
  return {
    columns: [...plain.map(({ of: _, ...column }) => column), ...(flattened?.columns ?? []), reason],
    valuesOf(logged) {
      const record = logged.value === null ? null : decode(logged.value)
      if (record === null || record.type === 'Tick') return null
      if (record.type === 'undecodable') {
        counts.undecodable++
        const nothing = [...plain, ...(flattened?.columns ?? [])].map(() => null)
        return [...placeOf(logged, null), ...nothing, record.reason]
      }
      const fields = fieldsByName(record)
      return [...placeOf(logged, record.type), ...plain.map((column) => column.of(fields)), ...flat(record), null]
    },
  }
}

function deadLetterShape(): RowShape {
  const columns: ParquetColumn[] = [
    { name: 'group', type: 'string' },
    { name: 'offset', type: 'long' },
    { name: 'reason', type: 'string' },
    { name: 'value', type: 'bytes' },
  ]
  return {
    columns,
    valuesOf(logged) {
      const letter = readDeadLetter(logged.value)
      if (letter === null) return null
      const value = Buffer.from(letter.value, 'base64')
      return [...placeOf(logged, 'DeadLetter'), letter.group, BigInt(letter.offset), letter.reason, value]
    },
  }
}

function placeOf({ partition, offset, timestampMs, key }: LogRecord, type: string | null): ParquetValue[] {
  return [partition, BigInt(offset), new Date(timestampMs), key, type]
}
