// One row of a log made elsewhere, in the units and words of this project; a reader per shape of log makes them.
import { type Head, heads, untoldKey } from '../../../schemas/labels.ts'

/** Heads whose label is a yes or no that a log may bring. */
export type LabelHead = Exclude<Head, 'watchTime'>
export const labelHeads: readonly LabelHead[] = heads.filter((head) => head !== 'watchTime')

export const engagementKinds = ['like', 'share', 'save', 'comment', 'follow', 'notInterested', 'report'] as const
export type EngagementKind = (typeof engagementKinds)[number]

/** Labels that tell how a view went: they come with its end, no event of their own says them. */
export const viewHeads = ['complete', 'longView', 'replay', 'earlySkip'] as const
export type ViewHead = (typeof viewHeads)[number]

/** `view`: shown, and how the view went. `impression`: shown. Else one thing that the user did with what was shown. */
export type RowMeaning = 'view' | 'impression' | EngagementKind | ViewHead

export interface ImportedRow {
  readonly meaning: RowMeaning
  readonly userId: string
  readonly videoId: string
  /** When it was shown, or when the user did it. */
  readonly timeMs: number
  /** Null: not known. As the log says it, not clipped. */
  readonly watchTimeMs: number | null
  /** 0: not known. */
  readonly durationMs: number
  /** What the row says, null where it could have said and does not; a head that is not there is derived, or unknown. */
  readonly labels: Readonly<Partial<Record<LabelHead, boolean | null>>>
  readonly surface: string
  readonly device: string | null
  readonly language: string | null
  readonly region: string | null
  readonly propensity: number
}

/** Longest watch time believed of a video that is shorter: past it a player was left running, or the log is wrong. */
export const watchTimeMsMax = 600_000

/** Watch time with impossible values clipped: ratios past 200,000 occur. 0 where it is not known. */
export function believedWatchTimeMs(row: Pick<ImportedRow, 'watchTimeMs' | 'durationMs'>): number {
  return Math.min(row.watchTimeMs ?? 0, Math.max(watchTimeMsMax, row.durationMs))
}

/** When the view ended, as far as the row tells. */
export function viewEndMs(row: Pick<ImportedRow, 'watchTimeMs' | 'durationMs' | 'timeMs'>): number {
  return row.timeMs + believedWatchTimeMs(row)
}

/** Heads of which a log tells nothing, as `givenLabels` say it. */
export function untoldLabels(told: ReadonlySet<Head>): Readonly<Record<string, true>> {
  return Object.fromEntries(heads.filter((head) => !told.has(head)).map((head) => [untoldKey(head), true as const]))
}
