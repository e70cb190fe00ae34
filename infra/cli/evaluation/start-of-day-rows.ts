// Rows of a model as of the start of the day for what tells of a user, as they are now for everything else. One table may hold
// both: a video is in the history of one user and shown to another. So a page's user is named by ids of its own, which stand
// for the same rows as of the start of the day.
import { decodeFeatureRow, encodeFeatureRow } from '../../../schemas/layouts/feature-row.ts'
import type { SlotPlace } from '../../../streams/features/feature-set.ts'
import type { TableFactory } from '../../../trainers/model/initial-parameters.ts'
import type { ParameterShard } from '../../../trainers/parameter-server/parameter-shard.ts'
import type { RowPull } from '../../../trainers/shard-learner.ts'
import type { Table } from '../../../trainers/table/table.ts'

interface StartOfDayRowsOptions {
  readonly tableFactory: TableFactory
  readonly parameters: ParameterShard
  /** Of the query side. */
  readonly userSlots: readonly SlotPlace[]
}

/** No hash of an id is likely to be another's under it: both are 64 bits. */
const ownName = 0x9e37_79b9_7f4a_7c15n

export class StartOfDayRows {
  readonly pull: RowPull
  readonly #parameters: ParameterShard
  readonly #userSlots: readonly SlotPlace[]
  readonly #tables: ReadonlyMap<string, Table>
  /** All rows of these are a user's own. */
  readonly #userTables: ReadonlySet<string>
  readonly #idByOwnName = new Map<bigint, bigint>()
  #places = new Uint32Array(0)
  #ids = new BigUint64Array(0)
  #values = new Float32Array(0)

  constructor({ tableFactory, parameters, userSlots }: StartOfDayRowsOptions) {
    const { tables } = parameters.spec
    this.#parameters = parameters
    this.#userSlots = userSlots
    this.#tables = new Map(tables.map(({ side: _, ...table }) => [table.name, tableFactory(table)]))
    this.#userTables = new Set(tables.filter(({ side }) => side === 'user').map(({ name }) => name))
    this.pull = (table, ids, count, out) => this.#pull(table, ids, count, out)
  }

  /** From here on, what tells of users is as it is now. Copies the tables. */
  startDay(): void {
    this.#idByOwnName.clear()
    for (const [name, table] of this.#tables) table.load(this.#parameters.tables.get(name)!.dump())
  }

  /** Encoded query features with the user named so that `pull` gives rows of the start of the day. */
  named(queryFeatures: Uint8Array): Uint8Array {
    const { ids: shown, dense } = decodeFeatureRow(queryFeatures)
    const ids = shown.slice()
    for (const { start, width } of this.#userSlots) {
      for (let index = start; index < start + width; index++) {
        const id = ids[index]!
        if (id === 0n) continue
        ids[index] = id ^ ownName
        this.#idByOwnName.set(id ^ ownName, id)
      }
    }
    return encodeFeatureRow(ids, dense)
  }

  #pull(name: string, ids: BigUint64Array, count: number, out: Float32Array): void {
    this.#parameters.pull(name, ids, count, out)
    const table = this.#tables.get(name)!
    const { dimension } = table.spec
    this.#reserve(count, dimension)
    const isOfUsers = this.#userTables.has(name)
    let found = 0
    for (let place = 0; place < count; place++) {
      const id = this.#idByOwnName.get(ids[place]!) ?? (isOfUsers ? ids[place]! : null)
      if (id === null) continue
      this.#places[found] = place
      this.#ids[found++] = id
    }
    table.pull(this.#ids, found, this.#values)
    for (let index = 0; index < found; index++) {
      const start = index * dimension
      out.set(this.#values.subarray(start, start + dimension), this.#places[index]! * dimension)
    }
  }

  #reserve(count: number, dimension: number): void {
    if (this.#ids.length < count) {
      this.#places = new Uint32Array(2 * count)
      this.#ids = new BigUint64Array(2 * count)
    }
    if (this.#values.length < count * dimension) this.#values = new Float32Array(2 * count * dimension)
  }
}
