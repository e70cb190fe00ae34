// Draws what staleness costs: how far AUC falls behind the freshest weights over their age, with intervals over users.
import type { TopLevelSpec } from 'vega-lite'
import { plotColors, svgPlot } from '../plots/svg-plot.ts'
import type { Segment, StalenessResult } from './staleness-report.ts'

const headTitles = { longView: 'long view', like: 'like' } as const
const segmentTitles: Readonly<Record<Segment, string>> = {
  all: 'all impressions',
  seenWithinTenMinutes: 'users seen within ten minutes',
}
const kinds = ['weights', 'weights and counts'] as const

/** An SVG document; the same figures give the same bytes. */
export async function plotStaleness(results: readonly StalenessResult[], title: string): Promise<string> {
  const panels = (Object.keys(headTitles) as (keyof typeof headTitles)[]).flatMap((head) =>
    (Object.keys(segmentTitles) as Segment[]).map((segment) => ({
      title: `${headTitles[head]}, ${segmentTitles[segment]}`,
      own: results.filter((result) => result.head === head && result.segment === segment),
    })),
  )
  const spec: TopLevelSpec = {
    $schema: 'https://vega.github.io/schema/vega-lite/v6.json',
    background: 'white',
    padding: 12,
    title: { text: title, anchor: 'start', fontSize: 14, offset: 8 },
    columns: 2,
    align: 'each',
    spacing: 28,
    concat: panels.map(({ title: text, own }) => panelOf(text, own)),
  }
  return `${await svgPlot(spec)}\n`
}

type Panel = Extract<TopLevelSpec, { concat: unknown }>['concat'][number]

function panelOf(title: string, results: readonly StalenessResult[]): Panel {
  const values = results.flatMap(({ stalenessMs, countsFrozen, auc }) => {
    const { mean, low, high } = auc.difference ?? { mean: 0, low: 0, high: 0 }
    const point = { age: ageText(stalenessMs), stalenessMs, mean, low, high }
    // The freshest weights begin both lines.
    const shown = auc.difference ? [kinds[countsFrozen ? 1 : 0]] : kinds
    return shown.map((frozen) => ({ ...point, frozen }))
  })
  const x = {
    field: 'age',
    type: 'ordinal',
    sort: { field: 'stalenessMs' },
    axis: { title: 'renewed every', labelAngle: 0 },
  } as const
  const color = {
    field: 'frozen',
    type: 'nominal',
    scale: { domain: [...kinds], range: [plotColors[0], plotColors[1]] },
    legend: { title: null, orient: 'bottom' },
  } as const
  const xOffset = { field: 'frozen', scale: { domain: [...kinds] } } as const
  const y = { type: 'quantitative', axis: { title: 'AUC less that of 1 s', format: '+.3f' } } as const
  return {
    width: 300,
    height: 170,
    title: { text: title, fontSize: 12 },
    data: { values },
    layer: [
      { mark: { type: 'rule', color: '#a0aec0' }, encoding: { y: { datum: 0, type: 'quantitative' } } },
      {
        mark: { type: 'rule', strokeWidth: 2 },
        encoding: { x, xOffset, color, y: { ...y, field: 'low' }, y2: { field: 'high' } },
      },
      {
        mark: { type: 'point', filled: true, size: 50, opacity: 1 },
        encoding: { x, xOffset, color, y: { ...y, field: 'mean' } },
      },
    ],
  } as Panel
}

/** As `5 min`. */
export function ageText(ageMs: number): string {
  const units = [
    [86_400_000, 'day'],
    [3_600_000, 'h'],
    [60_000, 'min'],
    [1_000, 's'],
  ] as const
  const [sizeMs, name] = units.find(([size]) => ageMs >= size) ?? units[3]
  return `${ageMs / sizeMs} ${name}`
}
