// What a person reads of two runs: by how much they differ, whether that is more than noise, and how each learned.
import type { TopLevelSpec } from 'vega-lite'
import type { Head } from '../../../schemas/labels.ts'
import { plotColors, svgPlot } from '../../plots/svg-plot.ts'
import type { Compared, Comparison } from './compare-runs.ts'
import { escaped, factsHtml, figure, fixed, reportPage, signed, tableHtml, tiles, whole } from './report-page.ts'
import type { RunFacts } from './run-folder.ts'
import type { RunMetrics } from './run-metrics.ts'
import { countTicks, differenceTicks, drawnHeads, roomyScale, swatches, zeroLine } from './run-plots.ts'

const frame = { $schema: 'https://vega.github.io/schema/vega-lite/v6.json', background: 'white', padding: 8 } as const

export async function compareReport(comparison: Comparison, base: RunMetrics, other: RunMetrics): Promise<string> {
  const { base: baseFacts, other: otherFacts } = comparison
  const heads = drawnHeads(other, 3)
  const names = labels(baseFacts, otherFacts)
  const lead = `<b>${escaped(names[1])}</b> against <b>${escaped(names[0])}</b>, over the same ${whole(comparison.rows)} examples of ${whole(comparison.users)} users`
  const longView = comparison.byHead.longView
  const like = comparison.byHead.like
  const heading = tiles([
    [signed(longView?.auc?.difference), `AUC longView: ${words(longView?.auc)}`],
    [signed(longView?.logLoss.difference), `log loss longView: ${words(longView?.logLoss)}`],
    [signed(like?.auc?.difference), `AUC like: ${words(like?.auc)}`],
    [signed(like?.logLoss.difference), `log loss like: ${words(like?.logLoss)}`],
  ])
  return reportPage(`${names[1]} against ${names[0]}`, lead, heading, [
    { title: 'By head', body: differenceTable(comparison, names) },
    {
      title: 'Differences and what chance would do',
      body: figure(
        await plotDifferences(comparison),
        `Dots: difference; lines: 95 % intervals from ${comparison.resamples} resamples of users, each taking both models' ` +
          'predictions. A line across 0 is noise, as far as these examples tell. With many heads, one in twenty seems to differ by chance.',
      ),
    },
    {
      title: 'How both learned',
      body: figure(
        await plotCurves(names, base, other, heads),
        'AUC of all examples up to there, each predicted before it was learned; on the right what lies between the two.',
      ),
    },
    { title: 'What differs', body: factsHtml(settingsDiffering(comparison, other)) },
  ])
}

/** Names of the runs, told apart by their folders' order where they are the same. */
function labels(base: RunFacts, other: RunFacts): readonly [string, string] {
  return base.name === other.name ? [`${base.name} (first)`, `${other.name} (second)`] : [base.name, other.name]
}

function differenceTable({ byHead }: Comparison, [first, second]: readonly [string, string]): string {
  const rows = Object.entries(byHead).map(([head, { positives, auc, logLoss }]) => [
    head,
    whole(positives),
    fixed(auc?.base),
    fixed(auc?.other),
    auc ? `${signed(auc.difference)} (${signed(auc.low)} to ${signed(auc.high)})` : '–',
    verdictHtml(auc),
    `${signed(logLoss.difference, 5)} (${signed(logLoss.low, 5)} to ${signed(logLoss.high, 5)})`,
    verdictHtml(logLoss),
  ])
  const header = ['head', 'positives', `AUC ${first}`, `AUC ${second}`, 'difference', '', 'log loss difference', '']
  return tableHtml(header, rows)
}

function verdictHtml(compared: Compared | null): string {
  if (!compared) return '–'
  const className = compared.verdict === 'noise' ? 'unclear' : compared.verdict
  return `<span class="${className}">${compared.verdict}</span>`
}

function words(compared: Compared | null | undefined): string {
  if (!compared) return 'not enough outcomes'
  return compared.verdict === 'noise' ? 'not more than noise' : `${compared.verdict}, more than noise`
}

function plotDifferences({ byHead }: Comparison): Promise<string> {
  const x = {
    type: 'quantitative' as const,
    scale: roomyScale,
    axis: { title: null, tickCount: 5, ...differenceTicks('+~g') },
  }
  const y = (isFirst: boolean) => ({
    field: 'head',
    type: 'nominal' as const,
    sort: null,
    axis: { title: null, grid: true, ...(isFirst ? {} : { labels: false, ticks: false }) },
  })
  const color = {
    field: 'verdict',
    type: 'nominal' as const,
    scale: { domain: ['better', 'worse', 'noise'], range: ['#1f7a4d', '#b23a48', '#7b8794'] },
    legend: swatches,
  }
  const panel = (title: string, of: 'auc' | 'logLoss', isFirst: boolean) => ({
    width: 330,
    height: { step: 24 },
    title: { text: title, anchor: 'start' as const },
    data: {
      values: Object.entries(byHead).flatMap(([head, found]) => (found[of] ? [{ head, ...found[of] }] : [])),
    },
    layer: [
      zeroLine('x'),
      {
        mark: { type: 'rule' as const, strokeWidth: 2, opacity: 0.5 },
        encoding: { x: { ...x, field: 'low' }, x2: { field: 'high' }, y: y(isFirst), color },
      },
      {
        mark: { type: 'point' as const, filled: true, size: 60, opacity: 1 },
        encoding: { x: { ...x, field: 'difference' }, y: y(isFirst), color },
      },
    ],
  })
  const hconcat = [panel('AUC (more is better)', 'auc', true), panel('log loss (less is better)', 'logLoss', false)]
  return svgPlot({ ...frame, spacing: 24, hconcat } as TopLevelSpec)
}

function plotCurves(
  names: readonly [string, string],
  base: RunMetrics,
  other: RunMetrics,
  heads: readonly Head[],
): Promise<string> {
  const rows = heads.flatMap((head) => {
    const panel = { width: 380, height: 170, title: { text: head, anchor: 'start' as const } }
    const x = { field: 'rows', type: 'quantitative' as const, axis: { title: 'examples', ...countTicks } }
    const color = {
      field: 'run',
      type: 'nominal' as const,
      sort: null,
      scale: { domain: [...names], range: [plotColors[1], plotColors[0]] },
      legend: swatches,
    }
    const both = [base, other].flatMap((metrics, place) =>
      metrics.curve.map(({ rows, aucSoFar }) => ({ rows, value: aucSoFar[head], run: names[place] })),
    )
    const differences = other.curve.map(({ rows, aucSoFar }, point) => ({
      rows,
      value: difference(aucSoFar[head], base.curve[point]?.aucSoFar[head]),
    }))
    const y = (title: string, ticks: object) => ({
      field: 'value',
      type: 'quantitative' as const,
      axis: { title, tickCount: 5, ...ticks },
      scale: { zero: false },
    })
    return [
      {
        ...panel,
        data: { values: both },
        mark: { type: 'line' as const },
        encoding: { x, y: y('AUC', { format: '.3f' }), color },
      },
      {
        ...panel,
        title: { text: `${head}: ${names[1]} less ${names[0]}`, anchor: 'start' as const, limit: 600 },
        layer: [
          zeroLine('y'),
          {
            data: { values: differences },
            mark: { type: 'line' as const, color: plotColors[2] },
            encoding: { x, y: y('AUC difference', differenceTicks('+.4f')) },
          },
        ],
      },
    ]
  })
  return svgPlot({ ...frame, spacing: 30, columns: 2, concat: rows } as TopLevelSpec)
}

function difference(other: number | null | undefined, base: number | null | undefined): number | null {
  return Number.isFinite(other) && Number.isFinite(base) ? other! - base! : null
}

function settingsDiffering({ base, other }: Comparison, metrics: RunMetrics): [string, string][] {
  const facts: [string, string][] = []
  const missing = (left: RunFacts, right: RunFacts) =>
    left.settings.featureNames.filter((name) => !right.settings.featureNames.includes(name))
  const [lost, gained] = [missing(base, other), missing(other, base)]
  if (gained.length > 0) facts.push(['features more', gained.map((name) => withWorth(name, metrics)).join(', ')])
  if (lost.length > 0) facts.push(['features less', lost.join(', ')])
  const { settings: left } = base
  const { settings: right } = other
  if (left.specChecksum !== right.specChecksum) facts.push(['spec', 'another: see spec.json of both'])
  if (left.features !== right.features) {
    facts.push([
      'features were',
      `${left.features} in ${base.name}, ${right.features} in ${other.name}: part of the difference may be that`,
    ])
  }
  if (left.version !== right.version) facts.push(['Freshet', `${left.version} and ${right.version}`])
  return facts.length > 0 ? facts : [['settings', 'nothing: these runs are of the same model and features']]
}

/** With the AUC that the second run loses by its values being exchanged, where that was measured. */
function withWorth(feature: string, { importance }: RunMetrics): string {
  const losses = importance?.features.find((one) => one.feature === feature)?.aucLoss ?? {}
  const told = (['complete', 'longView', 'like'] as const).flatMap((head) => {
    const found = losses[head]
    return found ? [`${head} ${signed(found.loss)} (${signed(found.low)} to ${signed(found.high)})`] : []
  })
  return told.length === 0 ? feature : `${feature} (AUC lost when its values are exchanged: ${told.join(', ')})`
}
