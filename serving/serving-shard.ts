// A serving shard: answers feed requests from its view, each in one uninterrupted turn, so that a page sees one version
// of everything and its stamp says which.

import { interactions } from '../schemas/topics.ts'
import { nextTurn } from '../streams/runtime/next-turn.ts'
import type { Runtime } from '../streams/runtime/runtime.ts'
import { decodeCursor } from './feed/cursor.ts'
import { explainedRequest } from './feed/explained-request.ts'
import { feedPage } from './feed/feed-page.ts'
import type { FeedPipeline } from './feed/feed-pipeline.ts'
import { feedQuery } from './feed/feed-query.ts'
import { feedServed } from './feed/feed-served.ts'
import type { FeedOutcome, FeedRequest, ServingShard } from './shard.ts'
import { FeedSession } from './view/feed-session.ts'
import type { View } from './view/view.ts'

/** How long a request waits for the view to reach what the user just did. */
export const reflectMsMax = 150

export interface ServingShardOptions {
  readonly view: View
  readonly pipeline: FeedPipeline
  readonly runtime: Pick<Runtime, 'clock' | 'timers'>
  /** Whether the view has read what was in the log at its start. */
  readonly isReady: () => boolean
  readonly reflectMsMax?: number
}

export interface ShardCounts {
  pages: number
  pagesAgain: number
  badCursors: number
  /** Pages that did not reflect what they were asked to reflect. */
  unreflected: number
  /** Stages that threw, by "kind/name". */
  readonly failedStages: Map<string, number>
  /** Micros spent in turns, and by "kind/name". */
  turnMicros: number
  readonly stageMicros: Map<string, number>
}

/** A shard that also tells what it did. */
export interface CountedShard extends ServingShard {
  readonly counts: ShardCounts
  /** Makes pages that nobody gets, between requests, so that the first real ones find warm code. Nothing is recorded. */
  rehearse(pages: number): Promise<void>
}

const pagesPerSessionMax = 200

export function servingShard(options: ServingShardOptions): CountedShard {
  const { view, pipeline, runtime, isReady } = options
  const waitMsMax = options.reflectMsMax ?? reflectMsMax
  const counts: ShardCounts = {
    pages: 0,
    pagesAgain: 0,
    badCursors: 0,
    unreflected: 0,
    failedStages: new Map(),
    turnMicros: 0,
    stageMicros: new Map(),
  }

  async function reflect({ partition, next }: NonNullable<FeedRequest['reflect']>): Promise<void> {
    if (view.nextOf(interactions, partition) >= next) return
    const ended = new AbortController()
    const late = runtime.timers.sleep(waitMsMax, ended.signal).catch(() => {})
    await Promise.race([view.reached(interactions, partition, next, ended.signal), late])
    ended.abort()
    if (view.nextOf(interactions, partition) < next) counts.unreflected++
  }

  function again(requestId: string, explain: boolean): FeedOutcome | null {
    const served = view.pages.find(requestId)
    if (served === null) return null
    counts.pagesAgain++
    return { status: 'ok', page: feedPage(served, view.catalog, { explain, isNew: false }) }
  }

  /** The one uninterrupted turn: nothing in it waits. */
  function turn(request: FeedRequest): FeedOutcome {
    const known = view.pages.find(request.requestId)
    if (known !== null) {
      if (known.userId !== request.userId) return badCursor('requestId is another user’s')
      return again(request.requestId, request.explain)!
    }
    const session = sessionOf(request)
    if (typeof session === 'string') return badCursor(session)
    if (session.requestId !== null) {
      return again(session.requestId, request.explain) ?? badCursor('the page is no longer known: start a new feed')
    }
    const started = runtime.clock.monotonicMs()
    const query = feedQuery(request, view, session.session)
    const outcome = pipeline.run(query)
    const served = feedServed(query, outcome, pipeline.headNames)
    view.served(served)
    for (const stage of outcome.stages) {
      const name = `${stage.kind}/${stage.name}`
      counts.stageMicros.set(name, (counts.stageMicros.get(name) ?? 0) + stage.tookMicros)
      if (stage.outcome === 'failed') counts.failedStages.set(name, (counts.failedStages.get(name) ?? 0) + 1)
    }
    counts.pages++
    const page = feedPage(served, view.catalog, { explain: request.explain, isNew: true })
    counts.turnMicros += Math.round((runtime.clock.monotonicMs() - started) * 1_000)
    return { status: 'ok', page }
  }

  /** The session to serve from, with the request that already gave the page asked for; a reason where there is none. */
  function sessionOf(request: FeedRequest): { session: FeedSession; requestId: string | null } | string {
    if (request.cursor === null) {
      const session = new FeedSession(request.requestId, request.seed, request.feed, pagesPerSessionMax)
      return { session, requestId: null }
    }
    const cursor = decodeCursor(request.userId, request.cursor)
    if (cursor === null) return 'the cursor is damaged or of another user'
    const session = view.userOf(request.userId).sessions.get(cursor.sessionId)
    if (session === undefined) return 'the session is no longer known: start a new feed'
    if (session.feed !== request.feed) return `the cursor is of the ${session.feed} feed`
    if (cursor.page > session.nextPage) return 'the cursor is ahead of its session'
    if (cursor.page === session.nextPage) return { session, requestId: null }
    const requestId = session.requestOf(cursor.page)
    return requestId === null ? 'the page is no longer known: start a new feed' : { session, requestId }
  }

  function badCursor(reason: string): FeedOutcome {
    counts.badCursors++
    return { status: 'bad-cursor', reason }
  }

  return {
    counts,
    async rehearse(pages) {
      for (let page = 0; page < pages; page++) {
        const request = rehearsalRequest(page, runtime.clock.nowMs())
        const query = feedQuery(request, view, new FeedSession(request.requestId, request.seed, 'foryou', 1))
        const served = feedServed(query, pipeline.run(query), pipeline.headNames)
        feedPage(served, view.catalog, { explain: request.explain, isNew: true })
        await nextTurn()
      }
    },
    async feed(request) {
      if (request.reflect !== null) await reflect(request.reflect)
      return turn(request)
    },
    async video(videoId) {
      const entry = view.catalog.byId(videoId)
      if (entry?.facts == null) return null
      const hidden = entry.takenDown || entry.moderation === 'rejected'
      return {
        videoId,
        state: hidden ? 'taken-down' : 'published',
        creatorId: entry.facts.creatorId,
        durationMs: entry.facts.durationMs,
        hashtags: entry.facts.hashtags,
        views: view.countView.outcomesOf({ ...entry, facts: entry.facts }),
        ...(hidden && entry.takenDownReason !== null ? { reason: entry.takenDownReason } : {}),
      }
    },
    async explain(requestId) {
      const served = view.pages.find(requestId)
      if (served === null) return null
      return explainedRequest(served, view.features, view.policies.paramsOf(served.policyVersion))
    },
    async status() {
      return {
        ready: isReady(),
        stamp: view.stamp,
        videos: view.catalog.servable,
        residentUsers: view.residentUsers,
      }
    },
  }
}

/** One imaginary user, so that the view does not fill with them. */
function rehearsalRequest(page: number, nowMs: number): FeedRequest {
  return {
    requestId: `rehearsal-${page}`,
    userId: 'rehearsal',
    limit: 10,
    feed: 'foryou',
    cursor: null,
    seed: page,
    surface: 'foryou',
    device: 'unknown',
    network: 'unknown',
    language: null,
    region: null,
    explain: page % 4 === 0,
    receivedTimeMs: nowMs,
    reflect: null,
  }
}
