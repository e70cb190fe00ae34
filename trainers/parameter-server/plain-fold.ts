// The fold of a partition of gradients as the design says it, over plain Maps and without a thought for speed: the oracle that
// owners of buckets are tested against.
import { decodeFloats } from '../../schemas/layouts/floats.ts'
import { decodeGradientRows } from '../../schemas/layouts/gradient-rows.ts'
import type { Recorded } from '../../streams/processor/processor.ts'
import { tablesOf } from '../model/initial-parameters.ts'
import type { DenseParameter } from '../model/model.ts'
import { mapTable } from '../table/map-table.ts'
import { expiringSpec, streamDense } from './gradient-stream.ts'

/** Marks, tables and tensors of `expiringSpec`. */
export class PlainFold {
  readonly marks = new Map<number, number>()
  readonly newest = new Map<number, number>()
  readonly heard = new Map<number, number>()
  readonly tables = tablesOf(expiringSpec, mapTable)
  readonly dense: DenseParameter = streamDense().get('w')!
  readonly #squares = this.dense.values.map(() => 0.01)
  #nowMs = 0

  fold({ record }: Recorded): void {
    if (record.type === 'Tick') this.#tick(record.eventTimeMs)
    if (record.type !== 'Gradient') return
    const { examplePartition: partition, previousToOffset, toOffset, eventTimeMs } = record
    if (previousToOffset !== (this.marks.get(partition) ?? 0)) return
    this.marks.set(partition, toOffset)
    this.newest.set(partition, Math.max(this.newest.get(partition) ?? 0, eventTimeMs))
    this.heard.set(partition, this.#nowMs)
    for (const { table, ids, values, eventTimesMs } of decodeGradientRows(record.rows)) {
      this.tables.get(table)!.push(ids, ids.length, values, eventTimesMs)
    }
    for (const { values } of record.dense) {
      for (const [index, g] of decodeFloats(values).entries()) {
        this.#squares[index]! += g * g
        this.dense.values[index]! -= (0.01 * g) / (Math.sqrt(this.#squares[index]!) + 1e-10)
      }
    }
  }

  #tick(eventTimeMs: number): void {
    this.#nowMs = Math.max(this.#nowMs, eventTimeMs)
    const alive = [...this.newest].filter(([partition]) => this.#nowMs - this.heard.get(partition)! <= 600_000)
    if (alive.length === 0) return
    const watermarkMs = Math.min(...alive.map(([, newest]) => newest))
    for (const table of this.tables.values()) table.expire(watermarkMs)
  }
}
