// Owns a model's parameters: pulls change nothing, pushes are folded in order, deltas carry what changed since the last,
// and a dump holds everything, so that a shard loaded from it continues byte for byte.

import type { Delta, ReceivedTimeBin, TableDelta } from '../../schemas/generated.ts'
import { encodeDeltaRows } from '../../schemas/layouts/delta-rows.ts'
import { assert } from '../../streams/runtime/errors.ts'
import { roundToHalf } from '../model/half.ts'
import { type TableFactory, tablesOf } from '../model/initial-parameters.ts'
import type { DenseParameter, Parameters, RowReader } from '../model/model.ts'
import type { ModelSpec } from '../model/model-spec.ts'
import { type ByteStream, joined } from '../model/sections.ts'
import { travelsHalf } from '../model/serving-tables.ts'
import { decodeSnapshot, specFingerprint, streamSnapshot } from '../model/snapshot.ts'
import type { PushResult, Table } from '../table/table.ts'
import { ChangeLog } from './change-log.ts'
import { ChangedRows } from './changed-rows.ts'
import { type DenseOptimizer, type DenseOptimizerOf, DenseParameters } from './dense-parameters.ts'

export type { DenseOptimizer }

export interface ParameterShardOptions {
  readonly spec: ModelSpec
  readonly tableFactory: TableFactory
  /** Dense tensors to start from, and how each of them learns (AdaGrad). */
  readonly dense?: ReadonlyMap<string, DenseParameter>
  readonly denseOptimizerOf?: DenseOptimizerOf
  readonly bucket?: number
  readonly epoch?: number
  /** Most rows of one table in one delta; those left over come first-in-line with the next. */
  readonly rowsPerDeltaMax?: number
  /** Dense tensors travel with each so-many-th sync. */
  readonly syncsPerDense?: number
}

export interface DeltaProgress {
  /** Above that of every earlier delta. */
  readonly version: number
  readonly trainedThrough: Readonly<Record<string, number>>
  readonly eventTimeMs: number
  readonly receivedTimes: readonly ReceivedTimeBin[]
  /** Rollbacks behind the state; 0 by default. */
  readonly lineage?: number
}

/** Rows and tombstones of one table in one delta. */
export const rowsPerDeltaMaxDefault = 16_384

export class ParameterShard implements Parameters {
  readonly model: string
  readonly spec: ModelSpec
  readonly tables: ReadonlyMap<string, Table>
  readonly #options: ParameterShardOptions
  readonly #dense: DenseParameters
  readonly #changeLogByTable: ReadonlyMap<string, ChangeLog>
  /** Ids that lost their row since they were last sent, ascending; those that have one again are among them until asked. */
  readonly #removedByTable = new Map<string, BigUint64Array>()
  readonly #changed = new ChangedRows()
  #existed = new Uint8Array(0)
  #hasRow = new Uint8Array(0)
  #version = 0
  #syncs = 0

  constructor(options: ParameterShardOptions) {
    this.#options = options
    this.spec = options.spec
    this.model = options.spec.model
    this.tables = tablesOf(options.spec, options.tableFactory)
    this.#changeLogByTable = new Map(options.spec.tables.map(({ name }) => [name, new ChangeLog()]))
    this.#dense = new DenseParameters(options.dense, options.denseOptimizerOf)
  }

  get dense(): ReadonlyMap<string, DenseParameter> {
    return this.#dense.parameters
  }

  /** Version of the newest delta taken; 0 before the first. */
  get version(): number {
    return this.#version
  }

  /** Rows of this bucket. */
  rows(table: string): RowReader {
    return this.#table(table)
  }

  pull(table: string, ids: BigUint64Array, count: number, out: Float32Array): void {
    this.#table(table).pull(ids, count, out)
  }

  /** As Table.push: distinct ids, one gradient row and one event time each, and how often each occurred. */
  push(
    name: string,
    ids: BigUint64Array,
    count: number,
    gradients: Float32Array,
    eventTimesMs: Float64Array,
    occurrences?: Uint32Array,
  ): PushResult {
    const table = this.#table(name)
    if (this.#existed.length < count) {
      this.#existed = new Uint8Array(2 * count)
      this.#hasRow = new Uint8Array(2 * count)
    }
    const result = table.push(ids, count, gradients, eventTimesMs, occurrences, this.#existed)
    // Ids without a row must not take the place of rows in a bounded delta.
    const isPartial = result.updated < count
    if (isPartial) table.contains(ids, count, this.#hasRow)
    const log = this.#changeLogByTable.get(name)!
    log.append(ids, count, gradients, table.spec.dimension, this.#existed, isPartial ? this.#hasRow : undefined)
    return result
  }

  /** Lets go of rows that the watermark has passed: one slice of each table, slices in turn. Gives how many went. */
  expire(watermarkMs: number, turn: number): number {
    let expired = 0
    for (const table of this.tables.values()) expired += table.expire(watermarkMs, turn % table.sliceCount)
    return expired
  }

  /** See DenseParameters.push. */
  pushDense(name: string, gradient: Float32Array): boolean {
    return this.#dense.push(name, gradient)
  }

  /** What changed since the last delta; null where nothing did. Counts as one sync interval either way. */
  takeDelta({ version, trainedThrough, eventTimeMs, receivedTimes, lineage = 0 }: DeltaProgress): Delta | null {
    assert(version > this.#version, `version ${version} follows ${this.#version}`)
    const denseDue = this.#syncs % (this.#options.syncsPerDense ?? 4) === 0
    this.#syncs++
    const tables = this.spec.tables.flatMap((spec) => this.#tableDelta(spec.name) ?? [])
    const dense = denseDue ? this.#dense.takeChanged() : []
    if (tables.length + dense.length + receivedTimes.length === 0) return null
    const baseVersion = this.#version
    this.#version = version
    const { bucket = 0, epoch = 0 } = this.#options
    const { model } = this
    return {
      type: 'Delta',
      model,
      bucket,
      epoch,
      baseVersion,
      version,
      trainedThrough,
      eventTimeMs,
      receivedTimes,
      tables,
      dense,
      lineage,
    }
  }

  /** The whole state; also the snapshot that replicas load. Whose it is (the epoch) is not in it. */
  dump(lineage = 0): Uint8Array {
    return joined(this.stream(lineage))
  }

  /** The bytes of `dump`, made while they are taken; nothing may be pushed or taken meanwhile. */
  stream(lineage = 0): ByteStream {
    const { bucket = 0 } = this.#options
    const state = new Map([...this.#changeLogByTable].map(([name, log]) => [`changes/${name}`, log.dump()]))
    for (const name of this.tables.keys()) state.set(`tombstones/${name}`, encodeIds(this.#removed(name)))
    state.set('changes', new TextEncoder().encode(JSON.stringify(this.#dense.changed)))
    const facts = { model: this.model, spec: specFingerprint(this.spec) }
    return streamSnapshot({
      facts: { ...facts, bucket, version: this.#version, syncs: this.#syncs, lineage },
      dumpByTable: new Map([...this.tables].map(([name, table]) => [name, dumpOf(table)])),
      ...this.#dense.copies(),
      state,
    })
  }

  /** Throws RangeError on a dump of another spec or bucket. */
  load(bytes: Uint8Array): void {
    const snapshot = decodeSnapshot(this.spec, bytes)
    const { bucket = 0 } = this.#options
    if (snapshot.facts.bucket !== bucket) {
      throw new RangeError(`a dump of bucket ${snapshot.facts.bucket} for bucket ${bucket}`)
    }
    for (const [name, dump] of snapshot.dumpByTable) this.#table(name).load(dump)
    const changed = JSON.parse(new TextDecoder().decode(snapshot.state.get('changes'))) as string[]
    this.#dense.load(snapshot.dense, snapshot.accumulators, changed)
    for (const [name, log] of this.#changeLogByTable) {
      log.load(snapshot.state.get(`changes/${name}`)!)
      this.#removedByTable.set(name, decodeIds(snapshot.state.get(`tombstones/${name}`)))
    }
    this.#version = snapshot.facts.version
    this.#syncs = snapshot.facts.syncs
  }

  #tableDelta(name: string): TableDelta | null {
    const { rowsPerDeltaMax = rowsPerDeltaMaxDefault } = this.#options
    const log = this.#changeLogByTable.get(name)!
    const table = this.#table(name)
    const ids = log.isEmpty ? new BigUint64Array(0) : presentOf(table, log.take(rowsPerDeltaMax))
    const removed = this.#removed(name)
    const tombstones = removed.slice(0, rowsPerDeltaMax)
    this.#removedByTable.set(name, removed.slice(tombstones.length))
    if (ids.length + tombstones.length === 0) return null
    const { dimension } = table.spec
    const half = travelsHalf(table.spec)
    const changed = this.#changed.of(table, ids, dimension)
    if (half) roundToHalf(changed.values)
    const rows = encodeDeltaRows(changed, half)
    return { table: name, dimension, half, rows, tombstones: encodeIds(tombstones) }
  }

  /** Ids that lost their row and have none now, ascending. */
  #removed(name: string): BigUint64Array {
    const table = this.#table(name)
    const drained = table.drainRemoved()
    const before = this.#removedByTable.get(name) ?? drained.slice(0, 0)
    if (before.length + drained.length === 0) return before
    const all = BigUint64Array.from(new Set([...before, ...drained])).sort()
    const present = new Uint8Array(all.length)
    table.contains(all, all.length, present)
    const removed = all.filter((_, index) => present[index] === 0)
    this.#removedByTable.set(name, removed)
    return removed
  }

  #table(name: string): Table {
    const table = this.tables.get(name)
    assert(table, `table ${name} is one of ${this.model}`)
    return table
  }
}

/** A row whose every gradient was refused has nothing to send. */
function presentOf(table: Table, ids: BigUint64Array): BigUint64Array {
  const present = new Uint8Array(ids.length)
  table.contains(ids, ids.length, present)
  return present.includes(0) ? ids.filter((_, index) => present[index] === 1) : ids
}

function dumpOf(table: Table): ByteStream {
  return { byteLength: table.dumpByteLength, parts: () => table.dumpParts() }
}

function encodeIds(ids: BigUint64Array): Uint8Array {
  return new Uint8Array(ids.buffer, ids.byteOffset, ids.byteLength).slice()
}

/** A copy; none where the dump is older than tombstones. */
function decodeIds(bytes: Uint8Array = new Uint8Array(0)): BigUint64Array {
  return new BigUint64Array(new Uint8Array(bytes).buffer)
}
