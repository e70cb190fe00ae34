// One bucket of a replica: its version, epoch, lineage and tables, moved by the deltas of its owner and replaced by its
// snapshots, never backwards within a lineage.

import type { Delta, TableDelta } from '../../schemas/generated.ts'
import { decodeDeltaRows } from '../../schemas/layouts/delta-rows.ts'
import { decodeFloats } from '../../schemas/layouts/floats.ts'
import type { Table } from '../table/table.ts'
import type { ApplyResult, DenseParameter } from './model.ts'
import type { ModelSpec } from './model-spec.ts'
import { servingDump } from './serving-tables.ts'
import { decodeSnapshot, encodeSnapshot, type Snapshot, specFingerprint } from './snapshot.ts'

export interface ReplicaBucketOptions {
  readonly spec: ModelSpec
  readonly bucket: number
  /** Tables followed; none in a bucket without rows. */
  readonly tables: ReadonlyMap<string, Table>
  /** Where the dense tensors go; null in a bucket without any. */
  readonly dense: Map<string, DenseParameter> | null
}

export class ReplicaBucket {
  readonly tables: ReadonlyMap<string, Table>
  readonly #spec: ModelSpec
  readonly #bucket: number
  readonly #dense: Map<string, DenseParameter> | null
  /** Rows of deltas that found no place. */
  rowsRefused = 0
  #version = 0
  #epoch = 0
  #lineage = 0

  constructor({ spec, bucket, tables, dense }: ReplicaBucketOptions) {
    this.#spec = spec
    this.#bucket = bucket
    this.tables = tables
    this.#dense = dense
  }

  get version(): number {
    return this.#version
  }

  outcomeOf({ epoch, lineage, version, baseVersion }: Delta): ApplyResult {
    if (epoch < this.#epoch || lineage < this.#lineage) return 'stale'
    if (lineage > this.#lineage) return 'gap'
    if (version <= this.#version) return 'stale'
    return baseVersion > this.#version ? 'gap' : 'applied'
  }

  apply(delta: Delta): ApplyResult {
    const outcome = this.outcomeOf(delta)
    if (outcome !== 'applied') return outcome
    const changes = delta.tables.flatMap((change) => this.#decode(change) ?? [])
    const dense = delta.dense.map(({ name, shape, values }) => ({ name, shape, values: decodeFloats(values).slice() }))
    if (dense.length > 0 && !this.#dense) throw new RangeError(`bucket ${this.#bucket} has no dense tensors`)
    for (const { table, rows, tombstones } of changes) {
      table.remove(tombstones, tombstones.length)
      this.rowsRefused += table.set(rows.ids, rows.ids.length, rows.values, rows.eventTimesMs).refused
    }
    for (const parameter of dense) this.#dense!.set(parameter.name, parameter)
    this.#version = delta.version
    this.#epoch = delta.epoch
    return 'applied'
  }

  load(bytes: Uint8Array): boolean {
    const snapshot = decodeSnapshot(this.#spec, bytes, [...this.tables.keys()])
    const { bucket, version, lineage = 0 } = snapshot.facts
    if (bucket !== this.#bucket) throw new RangeError(`snapshot of bucket ${bucket} for bucket ${this.#bucket}`)
    const isOlder = version < this.#version
    if (lineage < this.#lineage || (lineage === this.#lineage && isOlder)) return false
    const dumps = [...this.tables.keys()].map((name) => {
      const owner = this.#spec.tables.find((table) => table.name === name)!
      return [name, servingDump(owner, snapshot.dumpByTable.get(name)!)] as const
    })
    for (const [name, dump] of dumps) this.tables.get(name)!.load(dump)
    this.#take(snapshot)
    return true
  }

  dump(): Uint8Array {
    return encodeSnapshot({
      facts: {
        model: this.#spec.model,
        spec: specFingerprint(this.#spec),
        bucket: this.#bucket,
        epoch: this.#epoch,
        version: this.#version,
        syncs: 0,
        lineage: this.#lineage,
      },
      dumpByTable: new Map([...this.tables].map(([name, table]) => [name, table.dump()])),
      dense: new Map([...(this.#dense ?? [])].sort(([left], [right]) => (left < right ? -1 : 1))),
      accumulators: new Map(),
      state: new Map(),
    })
  }

  /** Continues from a dump of the same bucket. Throws RangeError on one of another spec. */
  restore(dump: Uint8Array): void {
    const snapshot = decodeSnapshot(this.#spec, dump, [...this.tables.keys()])
    for (const [name, table] of this.tables) table.load(snapshot.dumpByTable.get(name)!)
    this.#take(snapshot)
  }

  #take({ dense, facts }: Snapshot): void {
    this.#dense?.clear()
    if (this.#dense) {
      for (const { name, shape, values } of dense.values()) {
        this.#dense.set(name, { name, shape, values: values.slice() })
      }
    }
    this.#version = facts.version
    // Only a replica's own dump says: an owner's state is the same whoever owns it.
    if (facts.epoch !== undefined) this.#epoch = facts.epoch
    this.#lineage = facts.lineage ?? 0
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
}

function idsOf(bytes: Uint8Array): BigUint64Array {
  const whole = bytes.byteOffset % 8 === 0 ? bytes : new Uint8Array(bytes)
  return new BigUint64Array(whole.buffer, whole.byteOffset, Math.floor(whole.byteLength / 8))
}
