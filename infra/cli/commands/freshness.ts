// freshet freshness: how long it takes from an accepted event to a row that serves, as the running engine measured it.
import { FreshetError } from '../../../streams/runtime/errors.ts'
import { output } from '../output.ts'
import { runningGateway } from '../running-gateway.ts'

export async function run(_: string[], options: Record<string, unknown>): Promise<void> {
  const out = output(options.json === true)
  const text = await (await fetch(`${runningGateway(options)}/metrics`)).text()
  const p50 = 1_000 * worst(text, 'freshet_serving_freshness_p50_seconds')
  const p99 = 1_000 * worst(text, 'freshet_serving_freshness_p99_seconds')
  const examples = worst(text, 'freshet_serving_freshness_examples')
  const words =
    examples === 0
      ? 'no example has been learned since the start'
      : `p50 ${p50.toFixed(0)} ms, p99 ${p99.toFixed(0)} ms over ${examples.toLocaleString('en')} examples`
  out.result({ freshnessMs: { p50, p99 }, examples }, words)
}

/** The largest value of a metric over all shards. */
function worst(text: string, name: string): number {
  const values = text
    .split('\n')
    .filter((line) => line.startsWith(`${name}{`))
    .map((line) => Number(line.slice(line.lastIndexOf(' ') + 1)))
  if (values.length === 0) throw new FreshetError('shard-unavailable', 'this process has no serving shard; ask another')
  return Math.max(...values)
}
