// freshet simulate: a seeded population with known tastes swipes on a running engine, over HTTP.
import { decode } from '../../../schemas/codec.ts'
import { videos } from '../../../schemas/topics.ts'
import type { Log } from '../../../streams/log/log.ts'
import { partitionOf } from '../../../streams/log/log.ts'
import { type PopulationReport, runPopulation } from '../../simulation/population.ts'
import { catalogOf } from '../../simulation/sample.ts'
import type { CatalogVideo } from '../../simulation/tastes.ts'
import { openCommandLog } from '../command-log.ts'
import { output } from '../output.ts'
import { runningGateway } from '../running-gateway.ts'

export async function run(_: string[], options: Record<string, unknown>): Promise<void> {
  const out = output(options.json === true)
  const baseUrl = options.url === undefined ? runningGateway(options) : String(options.url)
  const log = await openCommandLog(options)
  const catalog = await publishedVideos(log).finally(() => log.close())
  const stop = new AbortController()
  process.once('SIGINT', () => stop.abort())
  const report = await runPopulation({
    baseUrl,
    catalog,
    users: Number(options.users),
    seconds: Number(options.seconds),
    eventsPerSecond: Number(options.eventsPerSecond),
    seed: Number(options.seed),
    signal: stop.signal,
    onProgress: (now) => out.progress(words(now)),
  })
  out.result({ ...report }, words(report))
}

/** What is published now, as the log tells it. */
async function publishedVideos(log: Log): Promise<CatalogVideo[]> {
  const place = { topic: videos, partition: partitionOf(0) }
  const { earliest, latest } = await log.bounds(place)
  const reader = await log.openReader({ ...place, from: earliest })
  const videoById = new Map<string, CatalogVideo>()
  while (reader.position < latest) {
    for (const { value } of await reader.next({ recordsMax: 1_000, waitMsMax: 1_000 })) {
      const record = value === null ? null : decode(value)
      if (record?.type === 'VideoPublished') videoById.set(record.videoId, record)
      if (record?.type === 'VideoTakenDown') videoById.delete(record.videoId)
    }
  }
  await reader.close()
  return catalogOf(videoById.values())
}

function words(report: PopulationReport): string {
  return [
    `${report.eventsAccepted.toLocaleString('en')} events accepted (${report.eventsPerSecond.toFixed(0)}/s)`,
    `${report.pages.toLocaleString('en')} pages, p50 ${report.latencyMs.p50.toFixed(0)} ms, p99 ${report.latencyMs.p99.toFixed(0)} ms`,
    `${report.repeats} repeats, taste found ${(100 * report.lift).toFixed(0)} %`,
  ].join(', ')
}
