// An evaluation in words for a person: tables of what matters, the rest is in the JSON.
import { type Head, heads } from '../../../schemas/labels.ts'
import type { HeadDifference } from '../../../trainers/evaluation/paired-difference.ts'
import type { ByHead, ScoredReport } from '../../../trainers/evaluation/scored-report.ts'
import type { Interval } from '../../../trainers/evaluation/user-bootstrap.ts'
import { tableText } from '../table-text.ts'
import type { RetrievalReport } from './retrieval-tally.ts'

export interface Evaluation extends ScoredReport, Partial<Pick<RetrievalReport, 'recallAt100' | 'ndcgAt100'>> {
  /** Impressions walked, repeats dropped. */
  readonly rows: number
  readonly seconds: number
  readonly rowsPerSecond: number
  readonly difference?: ByHead<HeadDifference>
  readonly retrieval?: Omit<RetrievalReport, 'recallAt100' | 'ndcgAt100'>
}

export function evaluationWords(evaluation: Evaluation): string {
  const { rows, seconds, rowsPerSecond, scored, untold, watchTime, miscalibrated, difference } = evaluation
  return [
    `${rows} impressions in ${seconds.toFixed(1)} s (${rowsPerSecond}/s), ${scored} scored`,
    untold.length > 0 ? `the log tells nothing of ${untold.join(', ')}` : null,
    headsTable(evaluation),
    untold.includes('watchTime')
      ? null
      : `watch time: mean absolute error ${watchTime.maeSeconds.toFixed(2)} s, concordance ${fixed(watchTime.concordance)}`,
    miscalibrated.length === 0
      ? 'calibration: every head is within its bound on every day'
      : `calibration: beyond the bound: ${miscalibrated.join(', ')}`,
    segmentsTable(evaluation),
    retrievalTable(evaluation),
    difference ? differenceTable(difference) : null,
  ]
    .filter((part) => part !== null)
    .join('\n\n')
}

function headsTable(evaluation: ScoredReport): string {
  const within = evaluation.aucWithinUserDay ?? evaluation.aucWithinPage
  const withinName = evaluation.aucWithinUserDay ? 'within user day' : 'within page'
  const rows = toldHeads(evaluation).map((head) => [
    head,
    evaluation.positives[head]!,
    fixed(evaluation.auc[head]),
    interval(evaluation.intervals.auc[head]),
    fixed(within?.[head]),
    fixed(evaluation.logLoss[head]),
    fixed(evaluation.calibration[head]),
  ])
  return tableText(['head', 'positives', 'AUC', '95 %', withinName, 'log loss', 'mean prediction / rate'], rows)
}

function segmentsTable(evaluation: ScoredReport): string {
  const told = toldHeads(evaluation)
  const shown = [...new Set([...mattering.filter((head) => told.includes(head)), ...told])].slice(0, mattering.length)
  const rows = Object.entries(evaluation.segments).map(([name, segment]) => [
    name,
    segment.rows,
    ...shown.map((head) => fixed(segment.auc[head])),
    ...shown.map((head) => fixed(segment.calibration[head])),
  ])
  const names = ['AUC', 'mean prediction / rate'].flatMap((what) => shown.map((head) => `${what}, ${head}`))
  return tableText(['segment', 'rows', ...names], rows)
}

/** Heads that segments are told by, where the log tells them. */
const mattering: readonly Head[] = ['longView', 'like']

function toldHeads({ auc, untold }: ScoredReport): Head[] {
  return headsOf(auc).filter((head) => !untold.includes(head))
}

function retrievalTable({ retrieval, recallAt100, ndcgAt100 }: Evaluation): string | null {
  if (!retrieval || !recallAt100 || !ndcgAt100) return null
  if (retrieval.queries === 0)
    return 'retrieval: there was no long view of a video shown before, so none was looked for'
  const rows = Object.keys(recallAt100).map((method) => [
    method,
    fixed(recallAt100[method]),
    fixed(ndcgAt100[method]),
    retrieval.modelAhead[method] ? fixed(retrieval.modelAhead[method].difference) : '',
    interval(retrieval.modelAhead[method]),
  ])
  const title = `${retrieval.queries} long views looked for among up to ${retrieval.catalogue} videos`
  return `${title}\n\n${tableText(['retrieval', 'recall@100', 'NDCG@100', 'model ahead by', '95 %'], rows)}`
}

function differenceTable(difference: ByHead<HeadDifference>): string {
  const rows = headsOf(difference).flatMap((head) =>
    (['auc', 'aucWithinUserDay'] as const).flatMap((kind) => {
      const found = difference[head]?.[kind]
      if (!found) return []
      return [
        [head, kind, found.rows, fixed(found.ours), fixed(found.theirs), fixed(found.difference), interval(found)],
      ]
    }),
  )
  return tableText(['head', 'against the other', 'rows', 'ours', 'theirs', 'difference', '95 %'], rows)
}

function headsOf(values: ByHead<unknown>): Head[] {
  return heads.filter((head) => values[head] !== undefined)
}

function interval(found: Interval | undefined): string {
  return found && Number.isFinite(found.low) ? `${found.low.toFixed(4)} to ${found.high.toFixed(4)}` : '-'
}

function fixed(value: number | undefined): string {
  return value !== undefined && Number.isFinite(value) ? value.toFixed(4) : '-'
}
