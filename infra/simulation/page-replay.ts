// A load of pages that were served before, shown again as new ones: far more events a second than anybody could rank pages
// for on the same machine, with the ids, features and shapes of real pages. Events go through the gateway like anybody's.
import { encode } from '../../schemas/codec.ts'
import type { FeedServed } from '../../schemas/generated.ts'
import { timeOrderedId } from '../../schemas/ids.ts'
import { interactions } from '../../schemas/topics.ts'
import type { Log } from '../../streams/log/log.ts'
import { partitionOf } from '../../streams/log/log.ts'
import { partitionForKey } from '../../streams/log/murmur2.ts'
import type { Runtime } from '../../streams/runtime/runtime.ts'
import { jsonClient } from './json-client.ts'
import { mix32, seededRandom } from './seeded-random.ts'
import { type SwipeEvent, swipe } from './swipe.ts'

export interface PageReplayOptions {
  readonly log: Pick<Log, 'append'>
  /** Of the topic `interactions`. */
  readonly partitions: number
  readonly baseUrl: string
  /** Templates, shown in turn. */
  readonly pages: readonly FeedServed[]
  readonly eventsPerSecond: number
  readonly seconds: number
  readonly seed: number
  readonly runtime: Pick<Runtime, 'clock' | 'timers'>
}

export interface PageReplayReport {
  readonly seconds: number
  readonly pages: number
  readonly eventsAccepted: number
  readonly eventsPerSecond: number
  /** Requests that were refused or got no answer; their events were sent again. */
  readonly refused: number
}

const stepMs = 25
const eventsPerRequestMax = 500
const replyTimeoutMs = 20_000
/** Requests under way at once; a gateway that is slower than this slows the load down. */
const requestsMax = 16

export async function replayPages(options: PageReplayOptions): Promise<PageReplayReport> {
  const { runtime, pages, eventsPerSecond, seconds, seed } = options
  const client = jsonClient({ baseUrl: options.baseUrl, connectionsMax: requestsMax, timeoutMs: replyTimeoutMs })
  const random = seededRandom(seed)
  const startedMs = runtime.clock.monotonicMs()
  const elapsedMs = () => runtime.clock.monotonicMs() - startedMs
  const underWay = new Set<Promise<void>>()
  const tally = { pages: 0, accepted: 0, refused: 0, made: 0 }

  async function show(templates: readonly FeedServed[]): Promise<void> {
    const nowMs = runtime.clock.nowMs()
    const shown = templates.map((page) => ({ ...page, ...freshIds(nowMs), eventTimeMs: nowMs, receivedTimeMs: nowMs }))
    await options.log.append(
      interactions,
      shown.map((page) => ({
        key: page.userId,
        value: encode(page),
        timestampMs: nowMs,
        eventId: page.eventId,
        partition: partitionOf(partitionForKey(page.userId, options.partitions)),
      })),
    )
    const events = shown.flatMap((page) => eventsOf(page, nowMs))
    for (let from = 0; from < events.length; from += eventsPerRequestMax) {
      await deliver(events.slice(from, from + eventsPerRequestMax))
    }
  }

  function eventsOf(page: FeedServed, nowMs: number): SwipeEvent[] {
    return page.entries.flatMap(({ videoId, creatorId }, position) => {
      const affinity = mix32(hashOf(page.userId), hashOf(videoId)) / 2 ** 32
      const shown = { userId: page.userId, videoId, creatorId, requestId: page.requestId, position, durationMs: 12_000 }
      return swipe(shown, affinity, random).map((event) => ({ ...event, eventId: timeOrderedId(nowMs) }))
    })
  }

  async function deliver(events: readonly SwipeEvent[]): Promise<void> {
    for (;;) {
      const reply = await client.send('POST', '/v1/events', { events }).catch(() => null)
      if (reply?.status === 202) {
        tally.accepted += (reply.body as { readonly accepted: number }).accepted
        return
      }
      tally.refused++
      await runtime.timers.sleep(stepMs)
    }
  }

  let next = 0
  while (elapsedMs() < seconds * 1_000) {
    const due = (elapsedMs() / 1_000) * eventsPerSecond
    const batch: FeedServed[] = []
    while (tally.made < due && underWay.size < requestsMax) {
      const page = pages[next++ % pages.length]!
      batch.push(page)
      tally.made += page.entries.length * eventsPerEntry
    }
    if (batch.length > 0) {
      tally.pages += batch.length
      const showing = show(batch).finally(() => underWay.delete(showing))
      underWay.add(showing)
    }
    await runtime.timers.sleep(stepMs)
  }
  const tookSeconds = elapsedMs() / 1_000
  await Promise.all(underWay)
  client.close()
  return {
    seconds: tookSeconds,
    pages: tally.pages,
    eventsAccepted: tally.accepted,
    eventsPerSecond: tally.accepted / tookSeconds,
    refused: tally.refused,
  }
}

/** Likes and shares beside the one event that ends each view. */
const eventsPerEntry = 1.1

function freshIds(nowMs: number): Pick<FeedServed, 'eventId' | 'requestId' | 'sessionId'> {
  const requestId = timeOrderedId(nowMs)
  return { eventId: timeOrderedId(nowMs), requestId, sessionId: requestId }
}

function hashOf(text: string): number {
  let hash = 0
  for (let index = 0; index < text.length; index++) hash = mix32(hash, text.charCodeAt(index))
  return hash
}
