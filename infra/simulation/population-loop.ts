// The population in this thread: every user asks for pages, plays their entries in order and posts what they do, at a
// common rate. Time is real; how long a video was watched is only said, not waited for.
import { timeOrderedId } from '../../schemas/ids.ts'
import type { Runtime } from '../../streams/runtime/runtime.ts'
import { type JsonClient, jsonClient } from './json-client.ts'
import { type SeededRandom, seededRandom } from './seeded-random.ts'
import { type SwipeEvent, swipe } from './swipe.ts'
import { type EventOutcome, type PopulationReport, Tally } from './tally.ts'
import { type CatalogVideo, type World, worldOf } from './tastes.ts'

export interface PopulationOptions {
  readonly baseUrl: string
  readonly users: number
  readonly seconds: number
  /** Target over all users; less where the gateway cannot keep up. */
  readonly eventsPerSecond: number
  readonly seed: number
  readonly catalog: readonly CatalogVideo[]
}

export interface PopulationHooks {
  /** Called about once a second. */
  readonly onProgress?: (report: PopulationReport) => void
  /** Ends the run early; the report covers what was done. */
  readonly signal?: AbortSignal
}

const connectionsMax = 48
const replyTimeoutMs = 10_000
const pauseMs = 250
const arrivalsPerSecond = 8
const progressEveryMs = 1_000
/** How far behind its rate the population may fall and still catch up: longer stalls are not made good by a burst. */
const catchUpMsMax = 100

interface FeedEntry {
  readonly videoId: string
  readonly position: number
  readonly creatorId: string
  readonly playback?: { readonly durationMs?: number }
}

interface FeedReply {
  readonly requestId: string
  readonly entries: readonly FeedEntry[]
  readonly cursor: string | null
}

/** Runs until the time is over or the signal aborts; never rejects because of the gateway: failures are counted. */
export async function simulatePopulation(
  options: PopulationOptions,
  hooks: PopulationHooks,
  runtime: Runtime,
): Promise<PopulationReport> {
  const { clock, timers } = runtime
  const world = worldOf(options)
  const tally = new Tally(world)
  const client = jsonClient({ baseUrl: options.baseUrl, connectionsMax, timeoutMs: replyTimeoutMs })
  const startedMs = clock.monotonicMs()
  const endMs = startedMs + options.seconds * 1_000
  const stopped = () => hooks.signal?.aborted === true || clock.monotonicMs() >= endMs
  const elapsedSeconds = () => (clock.monotonicMs() - startedMs) / 1_000
  const stopProgress = timers.every(progressEveryMs, () => hooks.onProgress?.(tally.report(elapsedSeconds())))
  const pace = pacer({ eventsPerSecond: options.eventsPerSecond, endMs, ...hooks, runtime })
  try {
    await Promise.all(
      Array.from({ length: options.users }, (_, userIndex) =>
        live({ userIndex, seed: options.seed, world, tally, client, pace, runtime, stopped, newestEventMs: 0 }),
      ),
    )
  } finally {
    stopProgress()
    client.close()
  }
  return tally.report(elapsedSeconds())
}

interface Life {
  readonly userIndex: number
  readonly seed: number
  readonly world: World
  readonly tally: Tally
  readonly client: JsonClient
  /** Resolves when so many events may be sent. */
  readonly pace: (events: number) => Promise<void>
  readonly runtime: Runtime
  readonly stopped: () => boolean
  /** Time of the user's newest event: a later one is never dated before it. */
  newestEventMs: number
}

/** Name of a simulated user. */
export function simulatedUserId(seed: number, userIndex: number): string {
  return `sim-${seed}-${userIndex}`
}

const regions = ['NL', 'DE', 'FR', 'US', 'BR', 'JP']

async function live(life: Life): Promise<void> {
  const random = seededRandom(life.seed ^ 0x51ed270b, life.userIndex)
  const userId = simulatedUserId(life.seed, life.userIndex)
  // People come one after the other, not all at the same instant.
  await life.runtime.timers.sleep((1_000 * life.userIndex) / arrivalsPerSecond)
  // A region is all that is known of a newcomer; tastes have to be found out.
  await life.pace(1)
  if (life.stopped()) return
  await life.client
    .send('PUT', `/v1/users/${userId}`, { region: regions[random.below(regions.length)], language: 'en' })
    .catch(() => null)
  while (!life.stopped()) await session(life, userId, random)
}

/** A few pages under one cursor chain; some are left before their end. */
async function session(life: Life, userId: string, random: SeededRandom): Promise<void> {
  let cursor: string | null = null
  const pages = 2 + random.below(7)
  for (let page = 0; page < pages && !life.stopped(); page++) {
    const limit = random.chance(0.9) ? 10 : 5 + random.below(11)
    const reply = await fetchPage(life, userId, limit, cursor)
    if (!reply || reply.entries.length === 0) {
      await life.runtime.timers.sleep(pauseMs)
      return
    }
    const played = random.chance(0.1) ? 1 + random.below(reply.entries.length) : reply.entries.length
    for (const entry of reply.entries.slice(0, played)) {
      if (life.stopped()) return
      await play(life, userId, reply.requestId, entry, random)
    }
    cursor = reply.cursor
    if (cursor === null) return
  }
}

async function fetchPage(life: Life, userId: string, limit: number, cursor: string | null): Promise<FeedReply | null> {
  const query = new URLSearchParams({ user: userId, limit: String(limit), ...(cursor === null ? {} : { cursor }) })
  const startedMs = life.runtime.clock.monotonicMs()
  try {
    const reply = await life.client.send('GET', `/v1/feed?${query}`)
    const body = reply.body as FeedReply | null
    if (reply.status === 200 && Array.isArray(body?.entries)) {
      life.tally.page(body.entries.length, life.runtime.clock.monotonicMs() - startedMs)
      return body
    }
  } catch {
    // Counted below like any other failure: a client only knows that no page came.
  }
  life.tally.feedFailed()
  return null
}

async function play(
  life: Life,
  userId: string,
  requestId: string,
  entry: FeedEntry,
  random: SeededRandom,
): Promise<void> {
  const affinity = life.world.affinity(life.userIndex, entry.videoId)
  life.tally.videoShown(userId, entry.videoId, affinity)
  const { videoId, creatorId, position } = entry
  const shown = { userId, videoId, creatorId, requestId, position, durationMs: entry.playback?.durationMs ?? 0 }
  // A video from outside the catalog leaves everyone indifferent.
  const drawn = swipe(shown, Number.isNaN(affinity) ? life.world.randomAffinity : affinity, random)
  await life.pace(drawn.length)
  if (life.stopped()) return
  const nowMs = Math.max(life.runtime.clock.nowMs(), life.newestEventMs + drawn.length)
  life.newestEventMs = nowMs
  const events = drawn.map((event, index) => ({
    ...event,
    eventId: timeOrderedId(nowMs),
    eventTimeMs: nowMs - (drawn.length - 1 - index),
  }))
  life.tally.eventsPosted(events.length, await postEvents(life.client, events))
}

async function postEvents(client: JsonClient, events: readonly SwipeEvent[]): Promise<EventOutcome> {
  const allRejected = (code: string) => ({ accepted: 0, duplicates: 0, rejectedCodes: events.map(() => code) })
  try {
    const { status, body } = await client.send('POST', '/v1/events', { events })
    if (status !== 202) return allRejected(`http-${status}`)
    const reply = body as { accepted?: number; duplicates?: number; rejected?: { code: string }[] }
    return {
      accepted: reply.accepted ?? 0,
      duplicates: reply.duplicates ?? 0,
      rejectedCodes: (reply.rejected ?? []).map((rejection) => rejection.code),
    }
  } catch {
    return allRejected('no-reply')
  }
}

interface PacerOptions {
  readonly eventsPerSecond: number
  readonly endMs: number
  readonly signal?: AbortSignal
  readonly runtime: Runtime
}

/** Spaces events evenly: each call takes the next free time on a common schedule and waits for it, or for the end. */
function pacer({ eventsPerSecond, endMs, signal, runtime }: PacerOptions): (events: number) => Promise<void> {
  const { clock, timers } = runtime
  let nextMs = clock.monotonicMs()
  return async (events) => {
    const nowMs = clock.monotonicMs()
    const dueMs = Math.max(nextMs, nowMs - catchUpMsMax)
    nextMs = dueMs + (events * 1_000) / eventsPerSecond
    if (dueMs <= nowMs) return
    // Ending early is no failure: the caller asks whether it is over after every wait.
    await timers.sleep(Math.max(0, Math.min(dueMs, endMs) - nowMs), signal).catch(() => {})
  }
}
