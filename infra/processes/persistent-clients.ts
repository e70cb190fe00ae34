// Clients that outlive their gateway, for tests that kill it: they ask for pages, play them, send each event again under
// its eventId until it is acknowledged, now and then once more after that, and keep exactly what they were told.
import type { Runtime } from '../../streams/runtime/runtime.ts'
import { type JsonClient, type JsonReply, jsonClient } from '../simulation/json-client.ts'
import { type SeededRandom, seededRandom } from '../simulation/seeded-random.ts'
import { type SwipeEvent, swipe } from '../simulation/swipe.ts'
import { type CatalogVideo, type World, worldOf } from '../simulation/tastes.ts'

/** What the clients know of their gateway's promises. */
export interface Ledger {
  /** Events that were answered with 202, and those that were sent and given up. */
  readonly acknowledgedEventIds: Set<string>
  readonly abandonedEventIds: Set<string>
  /** Pages that came without `unlogged`. */
  readonly loggedRequestIds: Set<string>
  /** Events of each video that was published. */
  readonly videoEventIds: Set<string>
  /** Requests that got no answer, and those that were refused for the moment. */
  unanswered: number
  refused: number
  /** Acknowledged events that were sent again. */
  repeated: number
  /** What no client should ever see. */
  readonly broken: string[]
}

export interface PersistentClientsOptions {
  readonly users: number
  readonly seed: number
  readonly catalog: readonly CatalogVideo[]
  readonly runtime: Runtime
  readonly onAcknowledged: (events: number) => void
  /** What each of them waits between two pages; 0 by default: as fast as the gateway answers. */
  readonly restMs?: number
}

interface Page {
  readonly requestId: string
  readonly unlogged?: true
  readonly cursor: string | null
  readonly entries: readonly {
    readonly videoId: string
    readonly creatorId: string
    readonly position: number
    readonly playback: { readonly durationMs: number }
  }[]
}

type SentEvent = SwipeEvent & { readonly eventId: string }
type Intake = { readonly accepted: number; readonly duplicates: number; readonly rejected: readonly unknown[] }

const replyTimeoutMs = 20_000
const pauseMs = 20
const giveUpChance = 0.1
const repeatChance = 0.1

export class PersistentClients {
  readonly ledger: Ledger = {
    acknowledgedEventIds: new Set(),
    abandonedEventIds: new Set(),
    loggedRequestIds: new Set(),
    videoEventIds: new Set(),
    unanswered: 0,
    refused: 0,
    repeated: 0,
    broken: [],
  }
  private readonly options: PersistentClientsOptions
  private readonly world: World
  private isConnected = false
  private connected = Promise.withResolvers<JsonClient>()
  private stopping = false
  private isGivenUp = false

  constructor(options: PersistentClientsOptions) {
    this.options = options
    this.world = worldOf(options)
  }

  /** A gateway is there. */
  connect(baseUrl: string): void {
    this.isConnected = true
    const connectionsMax = this.options.users + 1
    this.connected.resolve(jsonClient({ baseUrl, connectionsMax, timeoutMs: replyTimeoutMs }))
  }

  /** The gateway is going: who waits for an answer may still get it, who has something to say waits for the next. */
  disconnect(): void {
    // Who waits already goes on waiting for the same.
    if (this.isConnected) this.connected = Promise.withResolvers()
    this.isConnected = false
  }

  async publish(): Promise<void> {
    for (const [index, { videoId, creatorId, hashtags, durationMs }] of this.options.catalog.entries()) {
      const embedding = Array.from({ length: 8 }, (_, axis) => Math.sin(index * 8 + axis))
      const reply = await this.send('PUT', `/v1/videos/${videoId}`, { creatorId, hashtags, durationMs, embedding })
      if (reply?.status !== 202) throw new Error(`publishing ${videoId} was answered with ${JSON.stringify(reply)}`)
      this.ledger.videoEventIds.add((reply.body as { eventId: string }).eventId)
    }
  }

  /** Lives until `finish` is called and everything under way is acknowledged. */
  async live(): Promise<void> {
    await Promise.all(Array.from({ length: this.options.users }, (_, user) => this.liveAs(user)))
  }

  finish(): void {
    this.stopping = true
  }

  /** Nobody will answer any more: what is under way stays without an acknowledgement. */
  giveUp(): void {
    this.stopping = true
    this.isGivenUp = true
  }

  private async liveAs(user: number): Promise<void> {
    const random = seededRandom(this.options.seed, user + 1)
    let person = 0
    let cursor: string | null = null
    let events = 0
    const { restMs = 0 } = this.options
    while (!this.stopping) {
      if (restMs > 0) await this.options.runtime.timers.sleep(random.between(restMs / 2, (3 * restMs) / 2))
      const userId = `user-${user}-${person}`
      const page = await this.page(userId, cursor)
      cursor = page?.cursor ?? null
      // Who has seen everything makes room for somebody new.
      if (page?.entries.length === 0) person++
      for (const entry of page?.entries ?? []) {
        if (this.stopping) break
        const { videoId, creatorId, position, playback } = entry
        const shown = { userId, videoId, creatorId, position, requestId: page!.requestId, ...playback }
        const eventTimeMs = this.options.runtime.clock.nowMs()
        const swiped = swipe(shown, this.world.affinity(user, videoId), random).map((event) => ({
          ...event,
          eventId: `event-${user}-${events++}`,
          eventTimeMs,
        }))
        await this.deliver(swiped, random)
      }
    }
  }

  private async page(userId: string, cursor: string | null): Promise<Page | null> {
    const query = new URLSearchParams({ user: userId, limit: '8', ...(cursor === null ? {} : { cursor }) })
    const reply = await this.send('GET', `/v1/feed?${query}`)
    if (reply?.status !== 200) {
      // A page that only memory knew is gone with the process; anything else must be a refusal that asks to come back.
      if (reply && reply.status !== 400) this.expectRefusal(reply)
      return null
    }
    const page = reply.body as Page
    if (!page.unlogged) this.ledger.loggedRequestIds.add(page.requestId)
    return page
  }

  private async deliver(events: readonly SentEvent[], random: SeededRandom): Promise<void> {
    const isPatient = !random.chance(giveUpChance)
    const isRepeated = random.chance(repeatChance)
    for (let isSure = false; !this.isGivenUp; ) {
      const reply = await this.send('POST', '/v1/events', { events })
      if (reply?.status === 202) {
        this.acknowledged(events, reply.body as Intake, isSure)
        if (isSure || !isRepeated) return
        isSure = true
        this.ledger.repeated += events.length
        continue
      }
      if (reply) this.expectRefusal(reply)
      if (!isPatient && !isSure) {
        for (const { eventId } of events) this.ledger.abandonedEventIds.add(eventId)
        return
      }
      await this.options.runtime.timers.sleep(pauseMs)
    }
  }

  private acknowledged(events: readonly SentEvent[], intake: Intake, isRepeat: boolean): void {
    const { accepted, duplicates, rejected } = intake
    const isWhole = accepted + duplicates === events.length && rejected.length === 0
    if (!isWhole || (isRepeat && accepted > 0)) {
      const sent = `${isRepeat ? 'acknowledged events' : 'events'} ${events.map(({ eventId }) => eventId)}`
      this.ledger.broken.push(`${sent} were answered with ${JSON.stringify(intake)}`)
    }
    for (const { eventId } of events) this.ledger.acknowledgedEventIds.add(eventId)
    this.options.onAcknowledged(events.length)
  }

  private expectRefusal({ status, body }: JsonReply): void {
    this.ledger.refused++
    if (status !== 503) this.ledger.broken.push(`an answer was ${status} ${JSON.stringify(body)}`)
  }

  /** null: no answer. */
  private async send(method: string, path: string, body?: unknown): Promise<JsonReply | null> {
    const client = await this.connected.promise
    try {
      return await client.send(method, path, body)
    } catch {
      this.ledger.unanswered++
      return null
    }
  }
}
