// What a person reads of a run: one HTML file, and its pictures once more beside it.
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import type { Head } from '../../../schemas/labels.ts'
import { defaultFeatures } from '../../../streams/features/default-features.ts'
import { chanceHeads } from '../../../trainers/evaluation/scored-report.ts'
import {
  escaped,
  factsHtml,
  figure,
  fixed,
  type ReportSection,
  reportPage,
  tableHtml,
  tiles,
  whole,
} from './report-page.ts'
import { type RunFacts, type RunInput, runFiles, writeRunFile } from './run-folder.ts'
import type { RunMetrics } from './run-metrics.ts'
import { drawnHeads, plotCalibration, plotImportance, plotLearning } from './run-plots.ts'

export async function writeRunReport(folder: string, facts: RunFacts, metrics: RunMetrics): Promise<void> {
  const plots = {
    learning: await plotLearning(metrics),
    calibration: await plotCalibration(metrics),
    importance: await plotImportance(metrics, appendedFeatures(facts)),
  }
  mkdirSync(join(folder, runFiles.plots), { recursive: true })
  for (const [name, svg] of Object.entries(plots)) {
    if (svg) await writeRunFile(folder, join(runFiles.plots, `${name}.svg`), `${svg}\n`)
  }
  const sections: (ReportSection | null)[] = [
    { title: 'By head', body: headTable(metrics) },
    {
      title: 'How it learned',
      body: figure(
        plots.learning,
        'Each batch was predicted before it was learned. Thin: each window of examples alone. Bold: all up to there.',
      ),
    },
    {
      title: 'Whether chances come true',
      body: figure(
        plots.calibration,
        'Examples in bins of equal size by what was predicted. On the dashed line, it came true.',
      ),
    },
    plots.importance && metrics.importance
      ? {
          title: 'What each feature is worth',
          body: figure(
            plots.importance,
            `AUC lost when the feature's values are exchanged among ${whole(metrics.importance.rows)} examples that were not ` +
              'learned yet; lines are 95 % intervals over users. Features that say the same stand in for one another, so two of ' +
              'them may both seem worth little. Of the default features those that most is lost by; appended ones wherever they stand.',
          ),
        }
      : null,
    { title: 'Day by day', body: dayTable(metrics, facts.settings.utcOffsetMs) },
    { title: 'What was run', body: factsHtml(factsOf(facts)) },
  ]
  const { settings } = facts
  const lead = `Model <b>${escaped(settings.model)}</b>, features <b>${settings.features}</b>, ${escaped(inputWords(settings.input))}`
  const heading = tiles([
    [whole(metrics.scored), 'examples scored'],
    [fixed(metrics.auc.longView), 'AUC longView'],
    [fixed(metrics.auc.like), 'AUC like'],
    [fixed(metrics.logLoss.longView), 'log loss longView'],
    [`${fixed(metrics.watchTime.maeSeconds, 1)} s`, 'watch time error'],
  ])
  const page = reportPage(
    `Run ${facts.name}`,
    lead,
    heading,
    sections.filter((section) => section !== null),
  )
  await writeRunFile(folder, runFiles.report, page)
}

function headTable(metrics: RunMetrics): string {
  const told = chanceHeads.filter((head) => !metrics.untold.includes(head))
  const rows = told.map((head) => {
    const interval = metrics.intervals.auc[head]
    const positives = metrics.positives[head] ?? 0
    return [
      head,
      whole(positives),
      fixed(metrics.auc[head]),
      interval ? `${fixed(interval.low)} to ${fixed(interval.high)}` : '–',
      fixed(metrics.logLoss[head]),
      fixed(metrics.calibration[head], 3),
      fixed(metrics.calibrationBins[head]?.expectedError),
    ]
  })
  const header = [
    'head',
    'positives',
    'AUC',
    '95 % interval',
    'log loss',
    'mean prediction / rate',
    'calibration error',
  ]
  const nothing = metrics.untold.length > 0 ? `The log tells nothing of ${metrics.untold.join(', ')}. ` : ''
  const watch = metrics.untold.includes('watchTime')
    ? ''
    : `Watch time: mean error ${fixed(metrics.watchTime.maeSeconds, 2)} s, concordance ${fixed(metrics.watchTime.concordance)}. `
  return `${tableHtml(header, rows)}<p class="note">${nothing}${watch}Intervals come from resampling users.</p>`
}

/** An AUC of fewer examples is mostly chance. */
const dayExamplesMin = 100

function dayTable(metrics: RunMetrics, utcOffsetMs: number): string {
  const heads: Head[] = drawnHeads(metrics, 3)
  const days = Object.keys(metrics.calibrationByDay)
  const rows = days.map((day) => {
    const of = metrics.segments[day]
    const examples = of?.rows ?? 0
    return [
      day,
      whole(examples),
      ...heads.flatMap((head) => [
        examples < dayExamplesMin ? '—' : fixed(of?.auc[head]),
        fixed(metrics.calibrationByDay[day]?.[head]?.ratio, 3),
      ]),
    ]
  })
  const header = ['day', 'examples', ...heads.flatMap((head) => [`AUC ${head}`, 'predicted / rate'])]
  const note = `Days begin at midnight of ${offsetName(utcOffsetMs)}. No AUC for days of fewer than ${dayExamplesMin} examples.`
  return `${tableHtml(header, rows)}<p class="note">${note}</p>`
}

/** As UTC+5:30. */
function offsetName(utcOffsetMs: number): string {
  const minutes = Math.round(Math.abs(utcOffsetMs) / 60_000)
  if (minutes === 0) return 'UTC'
  const rest = minutes % 60 === 0 ? '' : `:${String(minutes % 60).padStart(2, '0')}`
  return `UTC${utcOffsetMs < 0 ? '−' : '+'}${Math.floor(minutes / 60)}${rest}`
}

/** Those that a deployment does not have as yet. */
function appendedFeatures({ settings }: RunFacts): string[] {
  return settings.featureNames.filter((name) => defaultFeatures.every((feature) => feature.name !== name))
}

function inputWords(input: RunInput): string {
  if (input.kind === 'files') return `from ${input.files.map(({ name }) => name).join(', ')}`
  return `examples of the log from ${input.from} to ${input.to}`
}

function factsOf({ settings, node, startedAt, resumed, finished }: RunFacts): [string, string][] {
  const { input } = settings
  const offsets =
    input.kind === 'log'
      ? input.ranges.map(({ topic, partition, from, to }) => `${topic}/${partition}: ${from} to ${to}`).join(', ')
      : input.files.map(({ name, checksum }) => `${name} (${checksum})`).join(', ')
  const rejected = Object.entries(finished?.rejected ?? {}).map(([reason, count]) => `${count} times: ${reason}`)
  return [
    ['input', offsets],
    ['features', `${settings.features}; set ${settings.featureSet}: ${settings.featureNames.join(', ')}`],
    ['spec', `${settings.model}, checksum ${settings.specChecksum}`],
    [
      'seeds',
      Object.entries(settings.seeds)
        .map(([name, seed]) => `${name} ${seed}`)
        .join(', '),
    ],
    [
      'weights',
      `${finished!.weights.file}, ${whole(finished!.weights.bytes)} bytes, checksum ${finished!.weights.checksum}`,
    ],
    ['refused records', rejected.join('; ') || 'none'],
    [
      'as a live model',
      finished!.held === null
        ? 'the guard of publications would have let these weights out'
        : `the guard of publications would have held these weights back: ${finished!.held}`,
    ],
    ['corrections learned', whole(finished!.corrections)],
    ['examples a second', whole(finished!.rowsPerSecond)],
    [
      'ran',
      `${startedAt} to ${finished!.finishedAt}, resumed ${resumed} times, Freshet ${settings.version}, Node ${node}`,
    ],
  ]
}
