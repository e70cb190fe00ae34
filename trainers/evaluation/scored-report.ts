// All that is said of scored rows: per head, per day, per segment, within groups, with intervals over users.
import { type Head, heads } from '../../schemas/labels.ts'
import { auc } from './auc.ts'
import { concordance } from './concordance.ts'
import { type DayCalibration, dayCalibration } from './daily-calibration.ts'
import { GroupedScores } from './grouped-scores.ts'
import { logLoss } from './log-loss.ts'
import { RankedScores } from './ranked-scores.ts'
import { dayName, dayNumber, type ScoredRows } from './scored-rows.ts'
import { bootstrapOverUsers, everyone, type Interval, type UserStatistic } from './user-bootstrap.ts'

export interface ReportOptions {
  /** A day begins at midnight so far ahead of UTC. */
  readonly utcOffsetMs: number
  readonly resamples: number
  readonly seed: number
}

export type ByHead<T> = Readonly<Partial<Record<Head, T>>>

export interface SegmentReport {
  readonly rows: number
  readonly auc: ByHead<number>
  readonly logLoss: ByHead<number>
  /** Mean prediction over rate. */
  readonly calibration: ByHead<number>
  readonly watchTime: WatchTimeReport
}

export interface WatchTimeReport {
  readonly maeSeconds: number
  readonly concordance: number
}

export interface ScoredReport extends Omit<SegmentReport, 'rows'> {
  readonly scored: number
  /** Heads of which no scored row tells anything: their numbers are NaN, and they have no positives. */
  readonly untold: readonly Head[]
  readonly positives: ByHead<number>
  /** With the user's side as of the start of the day; null where it was not frozen. */
  readonly aucWithinUserDay: ByHead<number> | null
  /** Null where no page has several entries. */
  readonly aucWithinPage: ByHead<number> | null
  readonly calibrationByDay: Readonly<Record<string, ByHead<DayCalibration>>>
  /** `head day` where the mean prediction is further from the rate than allowed. */
  readonly miscalibrated: readonly string[]
  readonly segments: Readonly<Record<string, SegmentReport>>
  readonly intervals: Intervals
}

export interface Intervals {
  readonly resamples: number
  readonly seed: number
  readonly auc: ByHead<Interval>
  readonly aucWithinUserDay: ByHead<Interval> | null
}

/** The heads that predict a chance. */
export const chanceHeads: readonly Head[] = heads.filter((head) => head !== 'watchTime')

/** A user or video with fewer earlier impressions is new. */
export const newImpressionsMax = 10
const justSeenMsMax = 600_000

export function byHead<T>(value: (head: Head) => T): Record<Head, T> {
  return Object.fromEntries(chanceHeads.map((head) => [head, value(head)])) as Record<Head, T>
}

export function scoredReport(rows: ScoredRows, options: ReportOptions): ScoredReport {
  const { utcOffsetMs, resamples, seed } = options
  const users = rows.userNames.names.length
  const all = rows.users.map((_, row) => row)
  const days = rows.timesMs.map((timeMs) => dayNumber(timeMs, utcOffsetMs))
  const ranked = byHead((head) => new RankedScores(rows.users, rows.predictions(head), rows.labels(head)))
  const within = rows.hasFrozen ? withinGroups(rows, rows.userDays(utcOffsetMs), true) : null
  const hasPages = rows.pageNames.names.length < rows.length
  const pages = hasPages ? withinGroups(rows, rows.pages, false) : null
  const ones = everyone(users)
  const byDay = calibrationByDay(rows, days)
  const { rows: scored, ...whole } = segment(rows, all)
  return {
    scored,
    ...whole,
    untold: heads.filter((head) => known(rows.labels(head)).length === 0),
    positives: byHead((head) => sum(known(rows.labels(head)))),
    aucWithinUserDay: within && byHead((head) => within[head].auc(ones)),
    aucWithinPage: pages && byHead((head) => pages[head].auc(ones)),
    calibrationByDay: byDay,
    miscalibrated: Object.entries(byDay).flatMap(([day, ofDay]) =>
      chanceHeads.filter((head) => ofDay[head]?.within === false).map((head) => `${head} ${day}`),
    ),
    segments: segmentsOf(rows, all, days),
    intervals: {
      resamples,
      seed,
      ...intervalsOf(ranked, within, { users, resamples, seed }),
    },
  }
}

/** AUC within groups by head, over frozen or plain predictions. */
export function withinGroups(
  rows: ScoredRows,
  groups: ArrayLike<number>,
  frozen: boolean,
): Record<Head, GroupedScores> {
  const users = rows.userNames.names.length
  return byHead((head) => {
    const scores = frozen ? rows.frozen(head) : rows.predictions(head)
    return new GroupedScores(rows.users, users, groups, scores, rows.labels(head))
  })
}

interface AnyAuc {
  auc(weightByUser: ArrayLike<number>): number
}

function intervalsOf(
  ranked: Readonly<Record<Head, AnyAuc>>,
  within: Readonly<Record<Head, AnyAuc>> | null,
  draws: { readonly users: number; readonly resamples: number; readonly seed: number },
): Pick<Intervals, 'auc' | 'aucWithinUserDay'> {
  const statistics: Record<string, UserStatistic> = {}
  for (const head of chanceHeads) {
    statistics[`auc ${head}`] = (weights) => ranked[head].auc(weights)
    if (within) statistics[`within ${head}`] = (weights) => within[head].auc(weights)
  }
  const intervals = bootstrapOverUsers(statistics, draws)
  return {
    auc: byHead((head) => intervals[`auc ${head}`]!),
    aucWithinUserDay: within && byHead((head) => intervals[`within ${head}`]!),
  }
}

function segmentsOf(rows: ScoredRows, all: readonly number[], days: readonly number[]): Record<string, SegmentReport> {
  const of = (fits: (row: number) => boolean) => segment(rows, all.filter(fits))
  const segments: Record<string, SegmentReport> = {
    newUsers: of((row) => rows.userImpressionsBefore[row]! < newImpressionsMax),
    newVideos: of((row) => rows.videoImpressionsBefore[row]! < newImpressionsMax),
    seenWithinTenMinutes: of((row) => rows.sinceUserSeenMs[row]! <= justSeenMsMax),
  }
  for (const day of distinct(days)) segments[dayName(day)] = of((row) => days[row] === day)
  return segments
}

function segment(rows: ScoredRows, members: readonly number[]): SegmentReport {
  const pick = (column: Float32Array) => Float32Array.from(members, (row) => column[row]!)
  const columns = byHead((head) => ({ predictions: pick(rows.predictions(head)), labels: pick(rows.labels(head)) }))
  return {
    rows: members.length,
    auc: byHead((head) => auc(columns[head].predictions, columns[head].labels)),
    logLoss: byHead((head) => logLoss(columns[head].predictions, columns[head].labels).mean),
    calibration: byHead((head) => dayCalibration(columns[head].predictions, columns[head].labels).ratio),
    watchTime: watchTimeOf(pick(rows.predictions('watchTime')), pick(rows.watchedSeconds())),
  }
}

function watchTimeOf(predicted: Float32Array, watched: Float32Array): WatchTimeReport {
  const errors = known(watched.map((seconds, row) => Math.abs(seconds - predicted[row]!)))
  return { maeSeconds: sum(errors) / errors.length, concordance: concordance(watched, predicted) }
}

function calibrationByDay(rows: ScoredRows, days: readonly number[]): Record<string, Record<Head, DayCalibration>> {
  const columns = byHead((head) => ({ predictions: rows.predictions(head), labels: rows.labels(head) }))
  return Object.fromEntries(
    distinct(days).map((day) => {
      const pick = (column: Float32Array) => column.filter((_, row) => days[row] === day)
      const ofHead = (head: Head) => dayCalibration(pick(columns[head].predictions), pick(columns[head].labels))
      return [dayName(day), byHead(ofHead)]
    }),
  )
}

function distinct(numbers: readonly number[]): number[] {
  return [...new Set(numbers)].sort((left, right) => left - right)
}

function known(column: Float32Array): Float32Array {
  return column.filter((value) => !Number.isNaN(value))
}

function sum(values: Float32Array): number {
  return values.reduce((total, value) => total + value, 0)
}
