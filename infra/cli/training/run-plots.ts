// The pictures of a run: how it learned, whether its chances come true, what each feature is worth, and its days.
import type { TopLevelSpec } from 'vega-lite'
import type { Head } from '../../../schemas/labels.ts'
import { plotColors, svgPlot } from '../../plots/svg-plot.ts'
import type { CurvePoint } from './learning-curve.ts'
import type { RunMetrics } from './run-metrics.ts'

const schema = 'https://vega.github.io/schema/vega-lite/v6.json'
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
      x: { field: 'rows', type: 'quantitative' as const, axis: { title: 'examples', grid: false, format: '~s' } },
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
    legend: { title: null, orient: 'bottom' as const },
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

/** Null where none was measured. */
export async function plotImportance({ importance }: RunMetrics): Promise<string | null> {
  if (!importance) return null
  const wanted: readonly Head[] = ['longView', 'like', 'complete']
  const heads = wanted.filter((head) => importance.heads.includes(head))
  const features = importance.features.slice(0, featuresDrawn)
  const panels = (heads.length > 0 ? heads : importance.heads.slice(0, 2)).map((head, place) => ({
    width: 220,
    height: { step: 17 },
    title: { text: `${head}: AUC lost`, anchor: 'start' as const },
    data: { values: features.map(({ feature, aucLoss }) => ({ feature, ...aucLoss[head]! })) },
    layer: [
      { mark: { type: 'rule' as const, color: '#a0aec0' }, encoding: { x: { datum: 0 } } },
      {
        mark: { type: 'rule' as const, strokeWidth: 2, color: plotColors[place]!, opacity: 0.5 },
        encoding: { x: { field: 'low', type: 'quantitative' as const }, x2: { field: 'high' } },
      },
      { mark: { type: 'point' as const, filled: true, size: 46, color: plotColors[place]!, opacity: 1 } },
    ],
    encoding: {
      x: { field: 'loss', type: 'quantitative' as const, axis: { title: null, format: '~g', tickCount: 5 } },
      y: {
        field: 'feature',
        type: 'nominal' as const,
        sort: null,
        axis: place === 0 ? { title: null, grid: true } : { title: null, labels: false, ticks: false, grid: true },
      },
    },
  }))
  return svgPlot({ ...frame, spacing: 20, hconcat: panels } as TopLevelSpec)
}
