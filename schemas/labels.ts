// Heads and the labels they learn. Labels come from watch time and duration, never from an event's type.

/** Prediction heads in their fixed order; `watchTime` is a regression on log1p(seconds), the others are probabilities. */
export const heads = [
  'complete',
  'longView',
  'replay',
  'like',
  'share',
  'comment',
  'follow',
  'earlySkip',
  'notInterested',
  'watchTime',
] as const
export type Head = (typeof heads)[number]

export const headIndex: Readonly<Record<Head, number>> = Object.fromEntries(
  heads.map((head, index) => [head, index]),
) as Record<Head, number>

export const completeRatioMin = 0.95
export const longViewMsMin = 18_000
export const earlySkipMsMax = 2_000
export const earlySkipRatioMax = 0.5
/** Watch time is clipped here before the logarithm: some clients report loops of hours. */
export const watchTimeMsMax = 120_000

/** Unknown label: contributes no loss and no count. */
export const unknownLabel = Number.NaN

/** Key in a view's `givenLabels` that says, when true, that the log it comes from tells nothing of this head. */
export function untoldKey(head: Head): string {
  return `${head}?`
}

export interface ViewOutcome {
  readonly watchTimeMs: number
  readonly durationMs: number
  readonly replays: number
}

/** Labels that a finished view gives, written into `out` (length heads.length). Duration 0 gives no ratio labels. */
export function viewLabels(view: ViewOutcome, out: Float32Array): void {
  const { watchTimeMs, durationMs } = view
  const known = durationMs > 0
  const ratio = known ? watchTimeMs / durationMs : unknownLabel
  out[headIndex.complete] = known ? Number(ratio >= completeRatioMin) : unknownLabel
  out[headIndex.longView] = known ? Number(watchTimeMs >= Math.min(longViewMsMin, durationMs)) : unknownLabel
  out[headIndex.earlySkip] = known ? Number(watchTimeMs < earlySkipMsMax && ratio < earlySkipRatioMax) : unknownLabel
  out[headIndex.replay] = Number(view.replays > 0)
  out[headIndex.watchTime] = Math.log1p(Math.min(watchTimeMs, watchTimeMsMax) / 1_000)
}
