// What a feature is: its slots and dense values, its read side (hydration of a page and of each candidate) and its write
// side (the count increments that one joined outcome causes). Live serving, imports and replays run the same read side.
import type { RowId } from '../../schemas/ids.ts'
import type { CountTable } from './count-columns.ts'

/** query: one value per page; entry: one per candidate. */
export type FeatureSide = 'query' | 'entry'

export interface SlotSpec {
  readonly name: string
  readonly side: FeatureSide
  /** Most ids the slot can hold; unused places are id 0. */
  readonly width: number
}

export interface DenseSpec {
  readonly name: string
  readonly side: FeatureSide
}

export interface UserFacts {
  readonly userId: string
  readonly region: string | null
  readonly language: string | null
  readonly birthYear: number | null
  readonly interests: readonly string[]
  readonly attributes: Readonly<Record<string, number | string>>
  /** Row ids of the user's own slots, cached by slot name. */
  readonly rowIdsBySlot: Map<string, RowId[]>
}

export interface VideoFacts {
  readonly videoId: string
  readonly creatorId: string
  readonly durationMs: number
  readonly soundId: string | null
  readonly hashtags: readonly string[]
  readonly category: string | null
  readonly language: string | null
  readonly region: string | null
  readonly publishedTimeMs: number
  /** Content embedding projected to 64 numbers of unit length; null where none is known. */
  readonly content: Float32Array | null
  readonly attributes: Readonly<Record<string, number | string>>
  /** Row ids of the video's own slots, cached by slot name. */
  readonly rowIdsBySlot: Map<string, RowId[]>
}

/** One video the user acted on. */
export interface HistoryEntry {
  readonly videoId: string
  readonly creatorId: string | null
  readonly hashtags: readonly string[]
  readonly soundId: string | null
  readonly eventTimeMs: number
  /** Watch time over duration, clipped to [0, 2]; 0 where unknown. */
  readonly watchRatio: number
  readonly completed: boolean
  readonly earlySkip: boolean
  readonly liked: boolean
  readonly notInterested: boolean
}

export interface UserHistory {
  /** Newest first, bounded. */
  readonly recent: readonly HistoryEntry[]
}

/** A count row as it was read: zeros at time 0 where the table has none. */
export interface CountRow {
  readonly values: Float32Array
  readonly eventTimeMs: number
  /** Turns false when the table's row may have changed: it must be asked for again. */
  readonly current: boolean
}

export interface CountReader {
  /** `out` gets the row's values (0 where there is no row); returns the row's newest event time or 0. */
  read(table: CountTable, id: RowId, out: Float32Array): number
  /** The row itself, where the reader keeps rows. It may be held on to while it is current; never written to. */
  row?(table: CountTable, id: RowId): CountRow
}

/** Everything about the page that a read side may look at. `nowMs` is event time: for imports, the impression's own. */
export interface QueryContext {
  readonly user: UserFacts
  readonly surface: string
  readonly device: string
  readonly network: string
  readonly language: string
  readonly region: string
  readonly nowMs: number
  readonly history: UserHistory
  readonly counts: CountReader
}

/** Where a read side puts its values. Names not written stay absent (id 0, value 0). */
export interface FeatureWriter {
  ids(slot: string, ids: readonly RowId[]): void
  id(slot: string, id: RowId): void
  dense(name: string, value: number): void
  /** Writes values to the dense places that follow one another from `firstName` on: one look-up for a block. */
  denseFrom(firstName: string, values: Float32Array): void
}

/** A joined outcome as write sides see it, beside the ids that were frozen: those `CountSink.addSlot` counts. */
export interface Outcome {
  readonly eventTimeMs: number
  readonly surface: string
  readonly region: string
  readonly videoId: string
  readonly userId: string
}

export interface CountSink {
  /** Adds the outcome's column values (see count-columns.ts) to the row `id` of `table`. */
  add(table: CountTable, id: RowId): void
  /** The same for every id that was frozen in the slot. */
  addSlot(table: CountTable, slot: string): void
}

export interface Feature {
  readonly name: string
  readonly slots: readonly SlotSpec[]
  readonly dense: readonly DenseSpec[]
  /** What `readEntry` writes depends on nothing but the video's facts: it is computed once per video. */
  readonly ofVideoAlone?: true
  readQuery?(context: QueryContext, out: FeatureWriter): void
  readEntry?(context: QueryContext, video: VideoFacts, out: FeatureWriter): void
  write?(outcome: Outcome, sink: CountSink): void
}
