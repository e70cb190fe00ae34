// Users as they were at the start of the day: history, count rows that only they move, embedding rows of everything that tells
// of them. What the day's outcomes of a user did to these is not seen, while videos, creators and surfaces stay current.
import type { Example, LabelCorrection } from '../../../schemas/generated.ts'
import type { RowId } from '../../../schemas/ids.ts'
import { decodeFeatureRow, type FeatureRow } from '../../../schemas/layouts/feature-row.ts'
import { type CountTable, countDimension, countTables } from '../../../streams/features/count-columns.ts'
import type { CountReader, UserHistory } from '../../../streams/features/feature.ts'
import type { FeatureSet, SlotPlace } from '../../../streams/features/feature-set.ts'
import type { TableFactory } from '../../../trainers/model/initial-parameters.ts'
import type { ParameterShard } from '../../../trainers/parameter-server/parameter-shard.ts'
import type { RowPull } from '../../../trainers/shard-learner.ts'
import type { HydratedPage, UserView } from '../import/import-walk.ts'
import { StartOfDayRows } from './start-of-day-rows.ts'
import { type UserKeyedSlots, userKeyedSlots, userToldSlots } from './user-slots.ts'

export interface FrozenUsersOptions {
  readonly features: FeatureSet
  readonly tableFactory: TableFactory
  /** As they are now: read before they change. */
  readonly counts: CountReader
  readonly parameters: ParameterShard
}

export class FrozenUsers {
  /** Rows of the model for pages that `page` gave. */
  readonly pull: RowPull
  readonly #rows: StartOfDayRows
  readonly #slots: UserKeyedSlots
  readonly #counts: CountReader
  readonly #frozenCounts: CountReader
  /** Only what the day changed. */
  readonly #historyByUser = new Map<string, UserHistory>()
  readonly #savedByTable: ReadonlyMap<CountTable, SavedRows> = new Map(
    countTables.map((table) => [table, new SavedRows()]),
  )
  /** Before the first day nothing is kept. */
  #isKeeping = false

  constructor({ features, tableFactory, counts, parameters }: FrozenUsersOptions) {
    this.#rows = new StartOfDayRows({ tableFactory, parameters, userSlots: userToldSlots(features) })
    this.pull = this.#rows.pull
    this.#slots = userKeyedSlots(features)
    this.#counts = counts
    this.#frozenCounts = {
      read: (table, id, out) => {
        const savedMs = this.#savedByTable.get(table)!.read(id, out)
        return savedMs ?? counts.read(table, id, out)
      },
    }
  }

  /** From here on, users are as they are now. Copies the tables. */
  startDay(): void {
    this.#isKeeping = true
    this.#historyByUser.clear()
    for (const saved of this.#savedByTable.values()) saved.clear()
    this.#rows.startDay()
  }

  /** Call before the history takes an event. */
  keepHistory(userId: string, history: UserHistory): void {
    if (this.#isKeeping && !this.#historyByUser.has(userId)) this.#historyByUser.set(userId, history)
  }

  /** Call before the example counts. */
  keepCounts(example: Example | LabelCorrection): void {
    if (!this.#isKeeping) return
    this.#keepRows(decodeFeatureRow(example.queryFeatures), this.#slots.query)
    this.#keepRows(decodeFeatureRow(example.features), this.#slots.entry)
  }

  /** The page that `viewOf` gave, to be predicted with the rows of `pull`. */
  page({ queryFeatures, features }: HydratedPage): HydratedPage {
    return { queryFeatures: this.#rows.named(queryFeatures), features }
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
        for (const table of countTables) this.#savedByTable.get(table)!.keep(table, id as RowId, this.#counts)
      }
    }
  }
}

/** Rows as they were when they were first kept, in one array. */
class SavedRows {
  readonly #placeById = new Map<RowId, number>()
  readonly #eventTimesMs: number[] = []
  readonly #row = new Float32Array(countDimension)
  #values = new Float32Array(1_024 * countDimension)

  keep(table: CountTable, id: RowId, counts: CountReader): void {
    if (this.#placeById.has(id)) return
    const place = this.#eventTimesMs.length
    this.#placeById.set(id, place)
    this.#eventTimesMs.push(counts.read(table, id, this.#row))
    if ((place + 1) * countDimension > this.#values.length) {
      const larger = new Float32Array(2 * this.#values.length)
      larger.set(this.#values)
      this.#values = larger
    }
    this.#values.set(this.#row, place * countDimension)
  }

  /** Fills `out` and gives the row's event time; undefined where it was not kept. */
  read(id: RowId, out: Float32Array): number | undefined {
    const place = this.#placeById.get(id)
    if (place === undefined) return undefined
    const start = place * countDimension
    for (let column = 0; column < countDimension; column++) out[column] = this.#values[start + column]!
    return this.#eventTimesMs[place]
  }

  clear(): void {
    this.#placeById.clear()
    this.#eventTimesMs.length = 0
  }
}
