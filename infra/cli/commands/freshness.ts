// freshet freshness: how long it takes from an accepted event to a row that serves, as the serving shards measured it: those
// of the process of this data folder, those that its gateway asks, or else the configured peers.
import { grpcRpcClient } from '../../../streams/rpc/grpc-rpc.ts'
import { FreshetError } from '../../../streams/runtime/errors.ts'
import { systemRuntime } from '../../../streams/runtime/system-runtime.ts'
import type { Config } from '../../config/config.ts'
import {
  histogramOf,
  histogramSince,
  joinMetrics,
  quantileOf,
  samplesOf,
  withLabel,
} from '../../processes/metrics-text.ts'
import { readRunning } from '../../processes/running-file.ts'
import { freshnessMetric } from '../../processes/serving-metrics.ts'
import { servingMetricsMethod } from '../../processes/serving-server.ts'
import { commandConfig } from '../command-config.ts'
import { output } from '../output.ts'

const askMsMax = 5_000
const secondsMax = 3_600

export async function run(_: string[], options: Record<string, unknown>): Promise<void> {
  const out = output(options.json === true)
  const config = commandConfig(options)
  const before = options.seconds === undefined ? '' : await metricsText(config)
  if (options.seconds !== undefined) await systemRuntime.timers.sleep(secondsOf(options.seconds) * 1_000)
  const text = await metricsText(config)
  const counts = samplesOf(text, `${freshnessMetric}_count`)
  if (counts.length === 0) {
    throw new FreshetError(
      'shard-unavailable',
      'no serving shard answers here; name the data folder of a gateway or of a serving process, or set serving.peers',
    )
  }
  // An example arrives with the rows of each model and bucket that it changed, in every shard that holds them.
  const bins = histogramSince(histogramOf(text, freshnessMetric), histogramOf(before, freshnessMetric))
  const quantileMs = (share: number) => Math.round((quantileOf(bins, share) ?? 0) * 1_000)
  const earlier = samplesOf(before, `${freshnessMetric}_count`)
  const total = (samples: typeof counts) => samples.reduce((sum, { value }) => sum + value, 0)
  const arrivals = total(counts) - total(earlier)
  const freshnessMs = { p50: quantileMs(0.5), p99: quantileMs(0.99) }
  const shards = counts.map(({ labels, value }) => ({ ...Object.fromEntries(labels), arrivals: value }))
  const words =
    arrivals === 0
      ? 'no example has been learned meanwhile'
      : `p50 ${freshnessMs.p50} ms, p99 ${freshnessMs.p99} ms over ${arrivals.toLocaleString('en')} arrivals of examples in ${counts.length} shards`
  out.result({ freshnessMs, arrivals, shards }, words)
}

function secondsOf(value: unknown): number {
  const seconds = Number(value)
  if (seconds > 0 && seconds <= secondsMax) return seconds
  throw new FreshetError('usage', `--seconds is a number of seconds up to ${secondsMax}, not ${String(value)}`)
}

async function metricsText({ dataDir, serving }: Config): Promise<string> {
  const running = readRunning(dataDir)
  if (running) return (await fetch(running.metrics)).text()
  const texts = serving.peers.map(async (address) => {
    const client = grpcRpcClient({ address, runtime: systemRuntime })
    try {
      const bytes = await client.call(servingMetricsMethod, new Uint8Array(0), { deadlineMs: askMsMax })
      return withLabel(new TextDecoder().decode(bytes), 'peer', address)
    } finally {
      await client.close()
    }
  })
  if (texts.length === 0) {
    throw new FreshetError('shard-unavailable', `no engine runs in ${dataDir}; start one with freshet start`)
  }
  return joinMetrics(await Promise.all(texts))
}
