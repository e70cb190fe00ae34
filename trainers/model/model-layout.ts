// A spec bound to a feature set: which ids are pooled into which columns, which dense values follow, how wide each input
// is. Trainer, scorer and encoder build their inputs from this one layout.
import type { FeatureSet, SideLayout } from '../../streams/features/feature-set.ts'
import { FreshetError } from '../../streams/runtime/errors.ts'
import { type DenseChoice, defaultInteractions, type Interaction, type ModelSpec } from './model-spec.ts'

/** One slot's ids, mean-pooled into `dimension` columns. */
export interface SlotBlock {
  readonly slot: string
  /** First id among the side's ids. */
  readonly start: number
  readonly width: number
  /** First column of the input. */
  readonly column: number
}

export interface TableBlocks {
  readonly table: string
  readonly dimension: number
  readonly blocks: readonly SlotBlock[]
  /** Sum of the widths. */
  readonly idsPerRow: number
}

/** Columns: slots, then dense values, then `extraColumns` that the caller fills. */
export interface InputLayout {
  readonly tables: readonly TableBlocks[]
  readonly slotCount: number
  readonly dimension: number
  /** Where each dense column comes from among the side's dense values. */
  readonly denseSources: Int32Array
  readonly denseColumn: number
  readonly columns: number
}

export interface RankerLayout {
  readonly query: InputLayout
  /** Its dense values are followed by the retrieval similarity. */
  readonly entry: InputLayout
  readonly similarityColumn: number
  /** Columns that the network adds to the entry's, of where the two sides meet: factorization term, product of history and
   *  entry, their dot. */
  readonly crossedColumns: number
  /** First columns of the two slots of the history term. */
  readonly historyColumn: number
  readonly historyEntryColumn: number
  /** Columns of the query's pooled slots. Behind them come those of so many places of the history, id by id: 0 where nothing
   *  attends to them. */
  readonly pooledColumns: number
  readonly attendedPlaces: number
}

export interface TowerLayout {
  readonly query: InputLayout
  readonly entry: InputLayout
}

export interface ModelLayout {
  readonly featureSet: string
  readonly queryIds: number
  readonly queryDense: number
  readonly entryIds: number
  readonly entryDense: number
  readonly ranker: RankerLayout
  readonly towers: TowerLayout
}

/** Throws config-invalid where the spec names a slot that the feature set lacks, or has no ranker or towers. */
export function modelLayout(spec: ModelSpec, features: FeatureSet): ModelLayout {
  if (!spec.ranker || !spec.towers) throw invalid(spec, 'ranker', 'this model has no ranker or no towers to lay out')
  const tableBySlot = new Map(spec.slots.map((slot) => [slot.name, slot.table]))
  const dimensionByTable = new Map(spec.tables.map((table) => [table.name, table.dimension]))
  const sides = [features.query, features.entry] as const
  for (const name of [...spec.ranker.slots, ...spec.towers.slots]) {
    if (!sides.some((side) => side.slotByName.has(name))) throw invalid(spec, 'slots', `no feature writes slot ${name}`)
  }
  const input = (
    side: SideLayout,
    slots: readonly string[],
    tableOf: (slot: string) => string,
    dense: DenseChoice,
    extraColumns: number,
    apart: string | null = null,
  ) => inputLayout(side, slots, tableOf, dimensionByTable, dense, extraColumns, apart)
  const { ranker, towers } = spec
  const rankerTable = (slot: string) => tableBySlot.get(slot)!
  const towerTable = () => towers.table
  const terms = ranker.interactions ?? defaultInteractions
  const attended = terms.includes('attention') ? ranker.history.query : null
  const query = input(features.query, ranker.slots, rankerTable, ranker.queryDense, 0, attended)
  const entry = input(features.entry, ranker.slots, rankerTable, ranker.entryDense, 1)
  return {
    featureSet: features.fingerprint,
    queryIds: features.query.idCount,
    queryDense: features.query.denseNames.length,
    entryIds: features.entry.idCount,
    entryDense: features.entry.denseNames.length,
    ranker: {
      query,
      entry,
      similarityColumn: entry.columns - 1,
      crossedColumns: crossedColumns(terms, query.dimension),
      historyColumn: columnOf(spec, query, ranker.history.query, 'ranker.history.query'),
      historyEntryColumn: columnOf(spec, entry, ranker.history.entry, 'ranker.history.entry'),
      pooledColumns: query.slotCount * query.dimension,
      attendedPlaces: attended === null ? 0 : (features.query.slotByName.get(attended)?.width ?? 0),
    },
    towers: {
      query: input(features.query, towers.slots, towerTable, towers.queryDense, 0),
      entry: input(features.entry, towers.slots, towerTable, towers.entryDense, 0),
    },
  }
}

function inputLayout(
  side: SideLayout,
  slots: readonly string[],
  tableOf: (slot: string) => string,
  dimensionByTable: ReadonlyMap<string, number>,
  dense: DenseChoice,
  extraColumns: number,
  apart: string | null,
): InputLayout {
  const places = slots.flatMap((name) => side.slotByName.get(name) ?? [])
  const dimension = dimensionByTable.get(tableOf(slots[0]!))!
  const names = [...new Set(places.map((place) => tableOf(place.name)))]
  const lone = places.find((place) => place.name === apart)
  const tables = names.map((table): TableBlocks => {
    const blocks = places.flatMap((place, index) =>
      tableOf(place.name) === table
        ? [{ slot: place.name, start: place.start, width: place.width, column: index * dimension }]
        : [],
    )
    if (lone && tableOf(lone.name) === table) {
      for (let place = 0; place < lone.width; place++) {
        const column = (places.length + place) * dimension
        blocks.push({ slot: `${lone.name} ${place}`, start: lone.start + place, width: 1, column })
      }
    }
    return { table, dimension, blocks, idsPerRow: blocks.reduce((sum, block) => sum + block.width, 0) }
  })
  const chosen = side.denseNames.flatMap((name, index) => (chooses(dense, name) ? [index] : []))
  const denseColumn = (places.length + (lone?.width ?? 0)) * dimension
  return {
    tables,
    slotCount: places.length,
    dimension,
    denseSources: Int32Array.from(chosen),
    denseColumn,
    columns: denseColumn + chosen.length + extraColumns,
  }
}

function crossedColumns(terms: readonly Interaction[], dimension: number): number {
  const columnsOf: Readonly<Record<Interaction, number>> = {
    pairs: dimension,
    history: dimension + 1,
    attention: 2 * dimension + 1,
  }
  return terms.reduce((sum, term) => sum + columnsOf[term], 0)
}

function chooses(choice: DenseChoice, name: string): boolean {
  return (
    choice.include.some((pattern) => patternFits(pattern, name)) &&
    !choice.exclude.some((pattern) => patternFits(pattern, name))
  )
}

/** '*' stands for any text, also none. */
export function patternFits(pattern: string, name: string): boolean {
  const parts = pattern.split('*')
  if (parts.length === 1) return pattern === name
  const [first, last] = [parts[0]!, parts.at(-1)!]
  if (!name.startsWith(first) || name.length < first.length + last.length || !name.endsWith(last)) return false
  let from = first.length
  for (const part of parts.slice(1, -1)) {
    const at = name.indexOf(part, from)
    if (at < 0 || at + part.length > name.length - last.length) return false
    from = at + part.length
  }
  return true
}

function columnOf(spec: ModelSpec, input: InputLayout, slot: string, field: string): number {
  const block = input.tables.flatMap((table) => table.blocks).find((other) => other.slot === slot)
  if (!block) throw invalid(spec, field, `slot ${slot} is not on that side of the feature set`)
  return block.column
}

function invalid(spec: ModelSpec, field: string, reason: string): FreshetError {
  return new FreshetError('config-invalid', `model ${spec.model}, ${field}: ${reason}. Correct that field.`, {
    details: { field },
  })
}
