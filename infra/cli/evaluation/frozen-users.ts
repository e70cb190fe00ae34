// Users as they were at the start of the day: history, count rows that only they move, embedding rows of user-side tables.
// What the day's outcomes of a user did to these is not seen, while videos, creators and everything shared stay current.
import type { Example, LabelCorrection } from '../../../schemas/generated.ts'
import { decodeFeatureRow, type FeatureRow } from '../../../schemas/layouts/feature-row.ts'
import { countDimension } from '../../../streams/features/count-columns.ts'
import type { CountReader, CountTable, UserHistory } from '../../../streams/features/feature.ts'
import type { FeatureSet, SlotPlace } from '../../../streams/features/feature-set.ts'
import type { TableFactory } from '../../../trainers/model/initial-parameters.ts'
import type { ModelSpec } from '../../../trainers/model/model-spec.ts'
import type { ParameterShard } from '../../../trainers/parameter-server/parameter-shard.ts'
import type { RowPull } from '../../../trainers/shard-learner.ts'
import type { Table } from '../../../trainers/table/table.ts'
import type { UserView } from '../import/import-walk.ts'
import { type UserKeyedSlots, userKeyedSlots } from './user-keyed-slots.ts'

export interface FrozenUsersOptions {
  readonly features: FeatureSet
  readonly spec: ModelSpec
  readonly tableFactory: TableFactory
  /** As they are now: read before they change. */
  readonly counts: CountReader
  readonly parameters: ParameterShard
}

interface SavedRow {
  readonly values: Float32Array
  readonly eventTimeMs: number
}

const countTables: readonly CountTable[] = ['totals', 'trends']

export class FrozenUsers {
  /** Rows of the model with users as of the start of the day. */
  readonly pull: RowPull
  readonly #slots: UserKeyedSlots
  readonly #counts: CountReader
  readonly #frozenCounts: CountReader
  readonly #parameters: ParameterShard
  readonly #tables: ReadonlyMap<string, Table>
  /** Only what the day changed. */
  readonly #historyByUser = new Map<string, UserHistory>()
  readonly #savedByTable: Readonly<Record<CountTable, Map<bigint, SavedRow>>> = { totals: new Map(), trends: new Map() }

  constructor({ features, spec, tableFactory, counts, parameters }: FrozenUsersOptions) {
    const userSide = spec.tables.filter(({ side }) => side === 'user')
    this.#slots = userKeyedSlots(features)
    this.#counts = counts
    this.#parameters = parameters
    this.#tables = new Map(userSide.map(({ side: _, ...table }) => [table.name, tableFactory(table)]))
    this.#frozenCounts = {
      read: (table, id, out) => {
        const saved = this.#savedByTable[table].get(id)
        if (!saved) return counts.read(table, id, out)
        out.set(saved.values)
        return saved.eventTimeMs
      },
    }
    this.pull = (table, ids, count, out) => {
      const frozen = this.#tables.get(table)
      if (frozen) frozen.pull(ids, count, out)
      else parameters.pull(table, ids, count, out)
    }
  }

  /** From here on, users are as they are now. Copies the user-side tables. */
  startDay(): void {
    this.#historyByUser.clear()
    for (const saved of Object.values(this.#savedByTable)) saved.clear()
    for (const [name, table] of this.#tables) table.load(this.#parameters.tables.get(name)!.dump())
  }

  /** Call before the history takes an event. */
  keepHistory(userId: string, history: UserHistory): void {
    if (!this.#historyByUser.has(userId)) this.#historyByUser.set(userId, history)
  }

  /** Call before the example counts. */
  keepCounts(example: Example | LabelCorrection): void {
    this.#keepRows(decodeFeatureRow(example.queryFeatures), this.#slots.query)
    this.#keepRows(decodeFeatureRow(example.features), this.#slots.entry)
  }

  /** `history` as it is now. */
  viewOf(userId: string, history: UserHistory): UserView {
    return { history: this.#historyByUser.get(userId) ?? history, counts: this.#frozenCounts }
  }

  #keepRows(row: FeatureRow, slots: readonly SlotPlace[]): void {
    for (const { start, width } of slots) {
      for (let index = start; index < start + width; index++) {
        const id = row.ids[index]!
        if (id === 0n) continue
        for (const table of countTables) this.#keepRow(table, id)
      }
    }
  }

  #keepRow(table: CountTable, id: bigint): void {
    const saved = this.#savedByTable[table]
    if (saved.has(id)) return
    const values = new Float32Array(countDimension)
    const eventTimeMs = this.#counts.read(table, id as Parameters<CountReader['read']>[1], values)
    saved.set(id, { values, eventTimeMs })
  }
}
