// The population against a small gateway of its own: what it counts is what the gateway saw.
import assert from 'node:assert/strict'
import { createServer, type IncomingMessage, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, test } from 'node:test'
import { runPopulation } from './population.ts'
import type { CatalogVideo } from './tastes.ts'

const catalog: CatalogVideo[] = Array.from({ length: 300 }, (_, index) => ({
  videoId: `v${index}`,
  creatorId: `c${index % 40}`,
  hashtags: [`t${index % 20}`],
  durationMs: 10_000,
}))

interface Seen {
  readonly events: Record<string, unknown>[]
  readonly shownByUser: Map<string, number>
  pages: number
  joined: number
  cursors: number
}

let server: Server | null = null
afterEach(() => {
  server?.closeAllConnections()
  server?.close()
  server = null
})

/** Serves videos in catalog order, user by user; refuses every event of a `refused` video, fails feeds on demand. */
async function gateway(
  options: { refused?: string; failFeeds?: boolean } = {},
): Promise<{ baseUrl: string; seen: Seen }> {
  const seen: Seen = { events: [], shownByUser: new Map(), pages: 0, joined: 0, cursors: 0 }
  const own = createServer(async (request, response) => {
    const url = new URL(request.url!, 'http://gateway')
    const reply = (status: number, body: unknown) => response.writeHead(status).end(JSON.stringify(body))
    if (request.method === 'PUT') {
      seen.joined++
      return reply(200, {})
    }
    if (request.method === 'POST') {
      const { events } = JSON.parse(await text(request)) as { events: Record<string, unknown>[] }
      seen.events.push(...events)
      const rejected = events.flatMap((event, index) =>
        event.videoId === options.refused ? [{ index, code: 'refused', message: 'no' }] : [],
      )
      return reply(202, { accepted: events.length - rejected.length, duplicates: 0, rejected })
    }
    if (options.failFeeds) return reply(503, { error: { code: 'overloaded' } })
    const user = url.searchParams.get('user')!
    const limit = Number(url.searchParams.get('limit'))
    if (url.searchParams.has('cursor')) seen.cursors++
    const from = seen.shownByUser.get(user) ?? 0
    seen.shownByUser.set(user, from + limit)
    const entries = Array.from({ length: limit }, (_, position) => {
      const video = catalog[(from + position) % catalog.length]!
      return { videoId: video.videoId, creatorId: video.creatorId, position, playback: { durationMs: 10_000 } }
    })
    return reply(200, { requestId: `r${seen.pages++}`, entries, cursor: `page-${seen.pages}` })
  })
  server = own
  await new Promise<void>((resolve) => own.listen(0, '127.0.0.1', resolve))
  return { baseUrl: `http://127.0.0.1:${(own.address() as AddressInfo).port}`, seen }
}

async function text(request: IncomingMessage): Promise<string> {
  let all = ''
  for await (const chunk of request) all += String(chunk)
  return all
}

const plain = { users: 6, seconds: 1.5, eventsPerSecond: 400, seed: 5, catalog }

test('the report says what the gateway saw', async () => {
  const { baseUrl, seen } = await gateway()
  const report = await runPopulation({ ...plain, baseUrl })
  assert.equal(report.eventsSent, seen.events.length)
  assert.equal(report.eventsAccepted, seen.events.length)
  assert.equal(report.eventsRejected, 0)
  assert.equal(report.pages, seen.pages)
  assert.equal(seen.joined, 6)
  assert.ok(seen.cursors > 0)
  assert.equal(report.repeats, 0)
  assert.equal(new Set(seen.events.map((event) => event.eventId)).size, seen.events.length)
  const ends = seen.events.filter((event) => event.type === 'VideoWatched' || event.type === 'VideoSkipped')
  // One view ended per video shown; one per user may be cut off by the end of the run.
  assert.ok(report.videosShown - ends.length >= 0 && report.videosShown - ends.length <= plain.users)
  assert.ok(report.affinity.oracle > report.affinity.random)
  const { first, last, random, oracle } = report.affinity
  assert.ok(first > 0 && last > 0)
  assert.ok(Math.abs(report.lift - (last - random) / (oracle - random)) < 1e-12)
  assert.ok(report.latencyMs.p50 > 0 && report.latencyMs.p99 >= report.latencyMs.p50)
})

test('events of one user carry times that do not go back', async () => {
  const { baseUrl, seen } = await gateway()
  await runPopulation({ ...plain, baseUrl, seconds: 0.7 })
  const lastByUser = new Map<unknown, number>()
  for (const event of seen.events) {
    assert.ok(Number(event.eventTimeMs) > (lastByUser.get(event.userId) ?? 0))
    lastByUser.set(event.userId, Number(event.eventTimeMs))
  }
})

test('rejections are counted by code, failing feeds as failures, and neither ends the run', async () => {
  const refusing = await gateway({ refused: 'v2' })
  const report = await runPopulation({ ...plain, baseUrl: refusing.baseUrl, seconds: 0.7 })
  assert.ok((report.rejections.refused ?? 0) > 0)
  assert.equal(report.eventsRejected, report.rejections.refused)
  server?.close()
  const failing = await gateway({ failFeeds: true })
  const starved = await runPopulation({ ...plain, baseUrl: failing.baseUrl, seconds: 0.7 })
  assert.ok(starved.feedFailures > 0)
  assert.equal(starved.pages, 0)
  assert.equal(starved.lift, 0)
})

test('a gateway that is not there is a count, not an exception', async () => {
  const report = await runPopulation({ ...plain, baseUrl: 'http://127.0.0.1:9', seconds: 0.5 })
  assert.ok(report.feedFailures > 0)
  assert.equal(report.eventsAccepted, 0)
})

test('aborting ends the run early with a report, and progress is told on the way', async () => {
  const { baseUrl } = await gateway()
  const stop = new AbortController()
  let told = 0
  const report = await runPopulation({
    ...plain,
    baseUrl,
    seconds: 600,
    signal: stop.signal,
    onProgress: () => {
      told++
      stop.abort()
    },
  })
  assert.ok(told >= 1)
  assert.ok(report.elapsedSeconds < 600)
})
