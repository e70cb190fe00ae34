// A read-only copy of a model's parameters that follows deltas. One that loaded a snapshot and followed from there holds
// the same values as one that followed from the start: weights are rounded to fp16 either way, counts never.

import type { Delta, TableDelta } from '../../schemas/generated.ts'
import { decodeDeltaRows } from '../../schemas/layouts/delta-rows.ts'
import { decodeFloats } from '../../schemas/layouts/floats.ts'
import type { Table } from '../table/table.ts'
import { emptyTableDump, readTableDump } from '../table/table-dump.ts'
import { roundToHalf } from './half.ts'
import type { TableFactory } from './initial-parameters.ts'
import type { ApplyResult, DenseParameter, Replica } from './model.ts'
import type { ModelSpec, ModelTableSpec } from './model-spec.ts'
import { decodeSnapshot, encodeSnapshot, type Snapshot, specFingerprint } from './snapshot.ts'

/** Whether the table's rows travel as fp16: weights do, counts do not. */
export function travelsHalf({ optimizer }: { readonly optimizer: { readonly kind: string } }): boolean {
  return optimizer.kind === 'adagrad' || optimizer.kind === 'sgd'
}

export interface ReplicaOptions {
  /** Tables to follow; the others are passed over. All by default. */
  readonly tableNames?: readonly string[]
}

/** A replica that is part of a processor's state. */
export interface DumpableReplica extends Replica {
  /** Equal replicas give equal bytes. */
  dump(): Uint8Array
  /** Continues from a dump of a replica of the same spec and tables. Throws RangeError on another. */
  restore(dump: Uint8Array): void
}

/**
 * Follows one owner (one bucket). Dense tensors are absent until the first delta or snapshot that carries them: readers
 * fall back on the initial ones, which derive from the spec. `apply` throws RangeError, with nothing changed, on a delta
 * that does not fit the spec.
 */
export function replica(spec: ModelSpec, tableFactory: TableFactory, options: ReplicaOptions = {}): DumpableReplica {
  return new DeltaReplica(spec, tableFactory, options)
}

class DeltaReplica implements DumpableReplica {
  readonly model: string
  readonly tables: ReadonlyMap<string, Table>
  readonly #spec: ModelSpec
  readonly #dense = new Map<string, DenseParameter>()
  #version = 0
  #epoch = 0

  constructor(spec: ModelSpec, tableFactory: TableFactory, { tableNames }: ReplicaOptions) {
    this.#spec = spec
    this.model = spec.model
    const followed = spec.tables.filter(({ name }) => tableNames?.includes(name) ?? true)
    this.tables = new Map(followed.map((table) => [table.name, tableFactory(servingSpec(table))]))
  }

  get dense(): ReadonlyMap<string, DenseParameter> {
    return this.#dense
  }

  get version(): number {
    return this.#version
  }

  apply(delta: Delta): ApplyResult {
    if (delta.model !== this.model) throw new RangeError(`delta of ${delta.model} for a replica of ${this.model}`)
    if (delta.epoch < this.#epoch || delta.version <= this.#version) return 'stale'
    if (delta.baseVersion > this.#version) return 'gap'
    const changes = delta.tables.flatMap((change) => this.#decode(change) ?? [])
    const dense = delta.dense.map(({ name, shape, values }) => ({ name, shape, values: decodeFloats(values).slice() }))
    for (const { table, rows, tombstones } of changes) {
      table.remove(tombstones, tombstones.length)
      table.set(rows.ids, rows.ids.length, rows.values, rows.eventTimesMs)
    }
    for (const parameter of dense) this.#dense.set(parameter.name, parameter)
    this.#version = delta.version
    this.#epoch = delta.epoch
    return 'applied'
  }

  load(bytes: Uint8Array): void {
    const snapshot = decodeSnapshot(this.#spec, bytes)
    const dumps = [...this.tables.keys()].map((name) => [name, this.#servingDump(snapshot, name)] as const)
    for (const [name, dump] of dumps) this.tables.get(name)!.load(dump)
    this.#take(snapshot)
  }

  dump(): Uint8Array {
    const facts = { model: this.model, spec: specFingerprint(this.#spec), bucket: 0, epoch: this.#epoch }
    return encodeSnapshot({
      facts: { ...facts, version: this.#version, syncs: 0 },
      dumpByTable: new Map([...this.tables].map(([name, table]) => [name, table.dump()])),
      dense: new Map([...this.#dense].sort(([left], [right]) => (left < right ? -1 : 1))),
      accumulators: new Map(),
      state: new Map(),
    })
  }

  restore(dump: Uint8Array): void {
    const snapshot = decodeSnapshot(this.#spec, dump, [...this.tables.keys()])
    for (const [name, table] of this.tables) table.load(snapshot.dumpByTable.get(name)!)
    this.#take(snapshot)
  }

  #take(snapshot: Snapshot): void {
    this.#dense.clear()
    for (const { name, shape, values } of snapshot.dense.values()) {
      this.#dense.set(name, { name, shape, values: values.slice() })
    }
    this.#version = snapshot.facts.version
    this.#epoch = snapshot.facts.epoch
  }

  #decode(change: TableDelta) {
    const spec = this.#spec.tables.find(({ name }) => name === change.table)
    if (!spec) throw new RangeError(`delta of unknown table ${change.table}`)
    if (change.dimension !== spec.dimension) {
      throw new RangeError(`delta of table ${change.table} has ${change.dimension} columns, expected ${spec.dimension}`)
    }
    const table = this.tables.get(change.table)
    if (!table) return null
    const rows = decodeDeltaRows(change.rows, change.dimension, change.half)
    return { table, rows, tombstones: idsOf(change.tombstones) }
  }

  #servingDump(snapshot: Snapshot, name: string): Uint8Array {
    const owner = this.#spec.tables.find((table) => table.name === name)!
    const { ids, eventTimesMs, rows, columns } = readTableDump(owner, snapshot.dumpByTable.get(name)!)
    const dump = emptyTableDump(servingSpec(owner), ids.length)
    dump.ids.set(ids)
    dump.eventTimesMs.set(eventTimesMs)
    for (let rowIndex = 0; rowIndex < ids.length; rowIndex++) {
      const start = rowIndex * columns
      dump.rows.set(rows.subarray(start, start + owner.dimension), rowIndex * owner.dimension)
    }
    if (travelsHalf(owner)) roundToHalf(dump.rows)
    return dump.bytes
  }
}

/** The same rows and initial values without an optimizer's state. */
function servingSpec({ side: _, ...table }: ModelTableSpec) {
  return travelsHalf(table) ? { ...table, optimizer: { kind: 'sum' as const } } : table
}

function idsOf(bytes: Uint8Array): BigUint64Array {
  const whole = bytes.byteOffset % 8 === 0 ? bytes : new Uint8Array(bytes)
  return new BigUint64Array(whole.buffer, whole.byteOffset, Math.floor(whole.byteLength / 8))
}
