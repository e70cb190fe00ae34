// What a serving shard tells Prometheus: freshness as it was measured where deltas are applied, turns, and what went wrong.
import { Gauge, Registry } from 'prom-client'
import type { CountedShard } from '../../serving/serving-shard.ts'
import type { View } from '../../serving/view/view.ts'
import type { ViewFeeder } from '../../serving/view/view-feeder.ts'
import { type HistogramBin, histogramText } from './metrics-text.ts'

export interface ServingMetricsOptions {
  readonly view: View
  readonly shard: CountedShard
  readonly feeder: ViewFeeder
  readonly shardNumber: number
}

/** Histogram by which freshness is told. */
export const freshnessMetric = 'freshet_serving_freshness_seconds'

export interface MetricsText {
  text(): Promise<string>
}

export function servingMetrics({ view, shard, feeder, shardNumber }: ServingMetricsOptions): MetricsText {
  const registry = new Registry()
  const labels = { shard: String(shardNumber) }
  const gauge = (name: string, help: string, read: () => number): void => {
    new Gauge({
      name: `freshet_serving_${name}`,
      help,
      labelNames: ['shard'],
      registers: [registry],
      collect() {
        this.set(labels, read())
      },
    })
  }
  gauge('freshness_p50_seconds', 'Event accepted to row servable, median since start', () => seconds(view, 0.5))
  gauge('freshness_p99_seconds', 'Event accepted to row servable, 99th percentile since start', () =>
    seconds(view, 0.99),
  )
  gauge('freshness_examples', 'Examples whose freshness was measured', () => view.freshness.examples)
  gauge('pages_total', 'Pages made', () => shard.counts.pages)
  gauge('pages_unreflected_total', 'Pages made before the view had the last event of their user', () => {
    return shard.counts.unreflected
  })
  gauge('turn_seconds_total', 'Time spent in turns', () => shard.counts.turnMicros / 1e6)
  gauge('bad_records_total', 'Records that could not be applied', () => view.badRecords.count)
  gauge('gaps_total', 'Deltas that did not fit what the view had', () => feeder.counts.gaps)
  gauge('snapshots_loaded_total', 'Snapshots loaded', () => feeder.counts.snapshotsLoaded)
  gauge('feeder_errors_total', 'Errors of log or blobs that were survived', () => feeder.counts.errors)
  gauge('model_version', 'Versions of the newest deltas applied, summed over buckets', () => view.model.version)
  gauge('rows_refused_total', 'Rows of deltas that found no place in the view', () => {
    return view.model.rowsRefused + view.counts.rowsRefused
  })
  gauge('generation', 'Tower generation of the index', () => view.vectors.generation)
  return {
    async text() {
      const help = 'Event accepted to row servable, in examples'
      const histogram = histogramText(freshnessMetric, help, labels, freshnessBins(view))
      return `${await registry.metrics()}${histogram}`
    },
  }
}

/** Buckets of the freshness histogram, six to a doubling from 8 ms to 65 s: the same in every process, so that they add up. */
const edgesMs = Array.from({ length: 6 * 13 + 1 }, (_, step) => 2 ** (3 + step / 6))

function freshnessBins(view: View): HistogramBin[] {
  const counts = edgesMs.map(() => 0)
  // What is older than the last edge is in the count alone.
  let older = 0
  for (const { upToMs, examples } of view.freshness.counts()) {
    const index = edgesMs.findIndex((edgeMs) => upToMs <= edgeMs * (1 + 1e-9))
    if (index < 0) older += examples
    else counts[index]! += examples
  }
  const bins = edgesMs.map((edgeMs, index) => ({
    upTo: Number((edgeMs / 1_000).toPrecision(6)),
    count: counts[index]!,
  }))
  return older > 0 ? [...bins, { upTo: 3_600, count: older }] : bins
}

function seconds(view: View, share: number): number {
  return (view.freshness.quantile(share) ?? 0) / 1_000
}
