// The pictures of a run: how it learned, whether its chances come true, what each feature is worth, and its days.
import type { TopLevelSpec } from 'vega-lite'
import type { Head } from '../../../schemas/labels.ts'
import { plotColors, svgPlot } from '../../plots/svg-plot.ts'
import type { CurvePoint } from './learning-curve.ts'
import type { RunMetrics } from './run-metrics.ts'

const schema = 'https://vega.github.io/schema/vega-lite/v6.json'
/** 12000 as 12k, and 0 as 0. */
export const countTicks = {
  grid: false,
  labelExpr: "datum.value < 1000 ? datum.value : format(datum.value / 1000, '~g') + 'k'",
} as const

/** With a sign, but for 0; every tick is named, so that 0 is. */
export function differenceTicks(format: string) {
  return {
    labelExpr: `abs(datum.value) < 1e-12 ? '0' : format(datum.value, '${format}')`,
    labelOverlap: false,
  } as const
}

/** Swatches as strong as the boldest line of theirs. */
export const swatches = { title: null, orient: 'bottom', symbolOpacity: 1, symbolStrokeWidth: 3 } as const

/** A line from edge to edge where nothing differs. */
export function zeroLine(channel: 'x' | 'y') {
  const mark = { type: 'rule' as const, color: '#718096', strokeDash: [4, 3], strokeWidth: 1.2 }
  return { data: { values: [{}] }, mark, encoding: { [channel]: { datum: 0 } } }
}

/** Room beside the outermost interval. */
export const roomyScale = { padding: 10, nice: false, zero: true } as const

const frame = { $schema: schema, background: 'white', padding: 8 } as const

/** Heads with enough outcomes to draw, those that come most often first. */
export function drawnHeads(metrics: RunMetrics, most: number): Head[] {
  const byPositives = Object.entries(metrics.positives).sort(([, left], [, right]) => right! - left!)
  return byPositives
    .filter(([, positives]) => positives! >= 50)
    .slice(0, most)
    .map(([head]) => head as Head)
}

type Measure = 'auc' | 'logLoss'
const nameOfMeasure: Readonly<Record<Measure, string>> = { auc: 'AUC', logLoss: 'log loss' }

/** Thin: of each window of rows alone. Bold: of all rows up to there. */
export function plotLearning(metrics: RunMetrics): Promise<string> {
  const heads = drawnHeads(metrics, 5)
  const panel = (measure: Measure) => ({
    width: 380,
    height: 240,
    title: { text: nameOfMeasure[measure], anchor: 'start' as const },
    layer: [
      curveLayer(metrics.curve, heads, measure, { strokeWidth: 1, opacity: 0.45 }),
      curveLayer(metrics.curve, heads, `${measure}SoFar`, { strokeWidth: 2.5, opacity: 1 }),
    ],
  })
  return svgPlot({ ...frame, spacing: 36, hconcat: [panel('auc'), panel('logLoss')] } as TopLevelSpec)
}

function curveLayer(
  curve: readonly CurvePoint[],
  heads: readonly Head[],
  measure: Measure | `${Measure}SoFar`,
  line: { readonly strokeWidth: number; readonly opacity: number },
) {
  return {
    data: {
      values: curve.flatMap((point) => heads.map((head) => ({ rows: point.rows, head, value: point[measure][head] }))),
    },
    mark: { type: 'line' as const, ...line },
    encoding: {
      x: { field: 'rows', type: 'quantitative' as const, axis: { title: 'examples', ...countTicks } },
      y: { field: 'value', type: 'quantitative' as const, axis: { title: null }, scale: { zero: false } },
      color: headColor(heads),
    },
  }
}

function headColor(heads: readonly Head[]) {
  return {
    field: 'head',
    type: 'nominal' as const,
    sort: null,
    scale: { domain: [...heads], range: plotColors.slice(0, heads.length) },
    legend: swatches,
  }
}

/** Bins of equal size; on the diagonal, what was predicted came true. */
export function plotCalibration(metrics: RunMetrics): Promise<string> {
  const panels = drawnHeads(metrics, 4).map((head) => {
    const { bins } = metrics.calibrationBins[head]!
    const most = 1.05 * Math.max(...bins.flatMap(({ predicted, observed }) => [predicted, observed]))
    const axis = (title: string) => ({ title, format: '~g', tickCount: 4 })
    const scale = { domain: [0, most] as number[], nice: false }
    return {
      width: 170,
      height: 170,
      title: { text: head, anchor: 'start' as const },
      layer: [
        {
          data: {
            values: [
              { p: 0, o: 0 },
              { p: most, o: most },
            ],
          },
          mark: { type: 'line' as const, color: '#a0aec0', strokeDash: [4, 4], strokeWidth: 1 },
          encoding: {
            x: { field: 'p', type: 'quantitative' as const },
            y: { field: 'o', type: 'quantitative' as const },
          },
        },
        {
          data: { values: bins.map(({ predicted, observed }) => ({ p: predicted, o: observed })) },
          mark: { type: 'line' as const, point: { filled: true, size: 36 }, color: plotColors[0], strokeWidth: 1.5 },
          encoding: {
            x: { field: 'p', type: 'quantitative' as const, scale, axis: axis('predicted') },
            y: { field: 'o', type: 'quantitative' as const, scale, axis: axis('came true') },
          },
        },
      ],
    }
  })
  return svgPlot({ ...frame, spacing: 24, hconcat: panels } as TopLevelSpec)
}

const featuresDrawn = 20

/** Null where none was measured. Features named in `always` are drawn wherever they stand. */
export async function plotImportance({ importance }: RunMetrics, always: readonly string[]): Promise<string | null> {
  if (!importance) return null
  const wanted: readonly Head[] = ['longView', 'like', 'complete']
  const heads = wanted.filter((head) => importance.heads.includes(head))
  const features = importance.features.filter(({ feature }, place) => place < featuresDrawn || always.includes(feature))
  const panels = (heads.length > 0 ? heads : importance.heads.slice(0, 2)).map((head, place) => {
    const axis = { title: null, grid: true, labelLimit: 220, ...(place === 0 ? {} : { labels: false, ticks: false }) }
    const y = { field: 'feature', type: 'nominal' as const, sort: null, axis }
    const x = {
      type: 'quantitative' as const,
      scale: roomyScale,
      axis: { title: null, tickCount: 4, ...differenceTicks('~g') },
    }
    const color = plotColors[place]!
    return {
      width: 215,
      height: { step: 17 },
      title: { text: `${head}: AUC lost`, anchor: 'start' as const },
      data: { values: features.map(({ feature, aucLoss }) => ({ feature, ...aucLoss[head]! })) },
      layer: [
        zeroLine('x'),
        {
          mark: { type: 'rule' as const, strokeWidth: 2, color, opacity: 0.5 },
          encoding: { x: { ...x, field: 'low' }, x2: { field: 'high' }, y },
        },
        {
          mark: { type: 'point' as const, filled: true, size: 46, color, opacity: 1 },
          encoding: { x: { ...x, field: 'loss' }, y },
        },
      ],
    }
  })
  return svgPlot({ ...frame, spacing: 20, hconcat: panels } as TopLevelSpec)
}
