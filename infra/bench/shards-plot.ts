// Draws what the shards were measured to do: folding and pulling over the number of shards, each beside what its multiple of one
// shard would be, and who had the cores meanwhile.
import type { TopLevelSpec } from 'vega-lite'
import { svgPlot } from '../plots/svg-plot.ts'
import type { ShardsMeasured } from './shards-run.ts'

export interface PlottedShards {
  readonly machine: { readonly processor: string | undefined; readonly cores: number }
  readonly runs: readonly ShardsMeasured[]
}

interface Point {
  readonly shards: number
  readonly value: number
  readonly kind: 'measured' | 'one shard, multiplied'
}

type Layered = Pick<Extract<TopLevelSpec, { layer: unknown }>, 'data' | 'layer'>

interface Share {
  readonly shards: number
  readonly who: string
  readonly cores: number
  readonly order: number
}

/** An SVG document. It needs no browser, and the same numbers give the same bytes. */
export async function plotShards({ machine, runs }: PlottedShards): Promise<string> {
  const panel = { width: 215, height: 220 }
  const spec: TopLevelSpec = {
    $schema: 'https://vega.github.io/schema/vega-lite/v6.json',
    background: 'white',
    padding: 12,
    title: {
      text: `Parameter shards on one machine of ${machine.cores} cores, with their Kafka and those who ask`,
      anchor: 'start',
      fontSize: 14,
      offset: 14,
    },
    spacing: 28,
    resolve: { scale: { color: 'independent' } },
    hconcat: [
      {
        ...panel,
        title: 'Folding a backlog',
        ...overShards(
          pointsOf(runs, ({ folding }) => folding.rowsPerSecond / 1e6),
          'million rows/s',
        ),
      },
      {
        ...panel,
        title: 'Answering pulls, two at once',
        ...overShards(
          pointsOf(runs, ({ pulling }) => pulling.idsPerSecond / 1e6),
          'million rows/s',
        ),
      },
      {
        ...panel,
        title: 'Who had the cores while folding',
        data: { values: runs.flatMap((run) => sharesOf(run)) },
        mark: { type: 'bar', width: 36 },
        encoding: {
          x: { field: 'shards', type: 'ordinal', axis: { title: 'shards', labelAngle: 0 } },
          y: { field: 'cores', type: 'quantitative', axis: { title: 'cores' } },
          order: { field: 'order' },
          color: {
            field: 'who',
            type: 'nominal',
            sort: null,
            scale: {
              domain: ['shards', 'Kafka', 'benchmark', 'others', 'idle'],
              range: ['#2b6cb0', '#dd8438', '#718096', '#a0aec0', '#e2e8f0'],
            },
            legend: { title: null, orient: 'bottom', columns: 3 },
          },
        },
      },
    ],
  }
  return `${await svgPlot(spec)}\n`
}

function overShards(values: readonly Point[], unit: string): Layered {
  const color = {
    field: 'kind',
    type: 'nominal',
    scale: { domain: ['measured', 'one shard, multiplied'], range: ['#2b6cb0', '#a0aec0'] },
    legend: { title: null, orient: 'bottom', labelLimit: 0 },
  } as const
  const strokeDash = { condition: { test: "datum.kind === 'measured'", value: [1, 0] }, value: [4, 4] }
  const x = {
    field: 'shards',
    type: 'quantitative',
    axis: { title: 'shards', values: [1, 2, 4] as number[], grid: false },
    scale: { domain: [0, 4.4] as number[] },
  } as const
  const y = { field: 'value', type: 'quantitative', axis: { title: unit }, scale: { zero: true } } as const
  return {
    data: { values: [...values] },
    layer: [
      { mark: { type: 'line', strokeWidth: 2 }, encoding: { x, y, color, strokeDash } },
      {
        transform: [{ filter: "datum.kind === 'measured'" }],
        mark: { type: 'point', filled: true, size: 60, opacity: 1 },
        encoding: { x, y, color },
      },
      {
        transform: [{ filter: "datum.kind === 'measured'" }],
        mark: { type: 'text', dy: 14, fontSize: 11 },
        encoding: { x, y, text: { field: 'value', type: 'quantitative', format: '.2f' } },
      },
    ],
  }
}

function pointsOf(runs: readonly ShardsMeasured[], measureOf: (run: ShardsMeasured) => number): Point[] {
  const ofOne = measureOf(runs[0]!) / runs[0]!.shards
  return runs.flatMap((run): Point[] => [
    { shards: run.shards, value: measureOf(run), kind: 'measured' },
    { shards: run.shards, value: ofOne * run.shards, kind: 'one shard, multiplied' },
  ])
}

function sharesOf({ shards, folding }: ShardsMeasured): Share[] {
  const { kafka = 0, asker = 0, others = 0, idle = 0, ...owners } = folding.cores
  const ofShards = Object.values(owners).reduce((sum, cores) => sum + cores, 0)
  const named = { shards: ofShards, Kafka: kafka, benchmark: asker, others, idle }
  return Object.entries(named).map(([who, cores], order) => ({ shards, who, cores, order }))
}
