// freshet simulate: a seeded population with known tastes swipes on a running engine, over HTTP.
import { decode } from '../../../schemas/codec.ts'
import type { FeedServed } from '../../../schemas/generated.ts'
import { interactions, videos } from '../../../schemas/topics.ts'
import type { Log, LogRecord, Partition } from '../../../streams/log/log.ts'
import { partitionOf } from '../../../streams/log/log.ts'
import { FreshetError } from '../../../streams/runtime/errors.ts'
import { systemRuntime } from '../../../streams/runtime/system-runtime.ts'
import { replayPages } from '../../simulation/page-replay.ts'
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
  try {
    const pace = {
      seconds: Number(options.seconds),
      eventsPerSecond: Number(options.eventsPerSecond),
      seed: Number(options.seed),
    }
    if (options.replayPages === true) {
      const { pages, partitions } = await servedPages(log)
      const report = await replayPages({ ...pace, log, partitions, baseUrl, pages, runtime: systemRuntime })
      out.result({ ...report }, `${report.eventsAccepted} events accepted (${report.eventsPerSecond.toFixed(0)}/s)`)
      return
    }
    const stop = new AbortController()
    process.once('SIGINT', () => stop.abort())
    const report = await runPopulation({
      ...pace,
      baseUrl,
      catalog: await publishedVideos(log),
      users: Number(options.users),
      signal: stop.signal,
      onProgress: (now) => out.progress(words(now)),
    })
    out.result({ ...report }, words(report))
  } finally {
    await log.close()
  }
}

const templatesMax = 2_000

/** The newest pages that this engine made itself, of every partition. */
async function servedPages(log: Log): Promise<{ pages: FeedServed[]; partitions: number }> {
  const partitions = (await log.topics()).find(({ name }) => name === interactions)?.partitions ?? 1
  const pages: FeedServed[] = []
  for (let partition = 0; partition < partitions; partition++) {
    for await (const { value } of recordsOf(log, interactions, partitionOf(partition))) {
      const record = value === null ? null : decode(value)
      if (record?.type !== 'FeedServed' || record.imported || record.entries.length === 0) continue
      pages.push(record)
      if (pages.length > 2 * templatesMax) pages.splice(0, templatesMax)
    }
  }
  if (pages.length === 0) throw new FreshetError('usage', 'no page was served yet: run freshet simulate first')
  return { pages, partitions }
}

/** What is published now, as the log tells it. */
async function publishedVideos(log: Log): Promise<CatalogVideo[]> {
  const videoById = new Map<string, CatalogVideo>()
  for await (const { value } of recordsOf(log, videos, partitionOf(0))) {
    const record = value === null ? null : decode(value)
    if (record?.type === 'VideoPublished') videoById.set(record.videoId, record)
    if (record?.type === 'VideoTakenDown') videoById.delete(record.videoId)
  }
  return catalogOf(videoById.values())
}

/** The records that a partition holds now. */
async function* recordsOf(log: Log, topic: string, partition: Partition): AsyncGenerator<LogRecord> {
  const place = { topic, partition }
  const { earliest, latest } = await log.bounds(place)
  const reader = await log.openReader({ ...place, from: earliest })
  try {
    while (reader.position < latest) yield* await reader.next({ recordsMax: 1_000, waitMsMax: 1_000 })
  } finally {
    await reader.close()
  }
}

function words(report: PopulationReport): string {
  return [
    `${report.eventsAccepted.toLocaleString('en')} events accepted (${report.eventsPerSecond.toFixed(0)}/s)`,
    `${report.pages.toLocaleString('en')} pages, p50 ${report.latencyMs.p50.toFixed(0)} ms, p99 ${report.latencyMs.p99.toFixed(0)} ms`,
    `${report.repeats} repeats, taste found ${(100 * report.lift).toFixed(0)} %`,
  ].join(', ')
}
