// What a serving shard tells Prometheus: freshness as it was measured where deltas are applied, turns, and what went wrong.
import { Gauge, Registry } from 'prom-client'
import type { CountedShard } from '../../serving/serving-shard.ts'
import type { View } from '../../serving/view/view.ts'
import type { ViewFeeder } from '../../serving/view/view-feeder.ts'

export interface ServingMetricsOptions {
  readonly view: View
  readonly shard: CountedShard
  readonly feeder: ViewFeeder
  readonly shardNumber: number
}

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
  gauge('model_version', 'Version of the newest delta applied', () => view.model.version)
  gauge('generation', 'Tower generation of the index', () => view.vectors.generation)
  return { text: () => registry.metrics() }
}

function seconds(view: View, share: number): number {
  return (view.freshness.quantile(share) ?? 0) / 1_000
}
