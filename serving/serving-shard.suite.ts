// What a shard promises across pages, sessions and restarts, asked in its own thread or from elsewhere.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { decode, encode } from '../schemas/codec.ts'
import type { FeedServed } from '../schemas/generated.ts'
import * as topics from '../schemas/topics.ts'
import { type ShardWorld, videoIdsOf, type WorldOptions } from './feed/shard-world.ts'
import type { FeedRequest } from './shard.ts'

/** `makeWorld` gives a new world whose `shard` is the one under test. */
export function describeServingShard(name: string, makeWorld: (options?: WorldOptions) => Promise<ShardWorld>): void {
  async function worldOf(videos: number): Promise<ShardWorld> {
    const world = await makeWorld()
    for (let number = 0; number < videos; number++) {
      world.publish(`v${number}`, { creatorId: `c${number % 9}`, hashtags: [`tag${number % 7}`, `tag${number % 3}`] })
    }
    return world
  }

  describe(`serving shard: ${name}`, () => {
    test('never repeats a video and is never empty while unseen ones are left', async () => {
      const step = fc.record({
        user: fc.constantFrom('ann', 'bob'),
        limit: fc.integer({ min: 1, max: 12 }),
        continues: fc.boolean(),
        /** Entries of the page that the user reaches. */
        reaches: fc.nat(12),
        share: fc.constantFrom(0.05, 0.6, 1),
      })
      await fc.assert(
        fc.asyncProperty(fc.array(step, { maxLength: 14 }), async (steps) => {
          const world = await worldOf(60)
          const reachedByUser = new Map<string, Set<string>>([
            ['ann', new Set()],
            ['bob', new Set()],
          ])
          const sessionByUser = new Map<string, { served: Set<string>; cursor: string | null }>()
          for (const { user, limit, continues, reaches, share } of steps) {
            const reached = reachedByUser.get(user)!
            let session = sessionByUser.get(user)
            if (session === undefined || !continues || session.cursor === null)
              session = { served: new Set(), cursor: null }
            const page = await world.page(user, { limit, cursor: session.cursor })
            const ids = videoIdsOf(page)
            const excluded = new Set([...reached, ...session.served])
            assert.equal(new Set(ids).size, ids.length)
            assert.equal(ids.length, Math.min(limit, 60 - excluded.size))
            for (const id of ids) {
              assert.ok(!excluded.has(id), `${id} again`)
              session.served.add(id)
            }
            assert.equal(page.cursor === null, excluded.size + ids.length >= 60)
            sessionByUser.set(user, { ...session, cursor: page.cursor })
            for (const id of ids.slice(0, reaches)) {
              world.watch(user, id, share, page.requestId)
              reached.add(id)
            }
          }
        }),
        { numRuns: 15 },
      )
    })

    test('two requests at once do not repeat each other, before the log has either', async () => {
      const world = await worldOf(60)
      const outcomes = await Promise.all([1, 2, 3].map(() => world.shard.feed(world.request('ann', { limit: 15 }))))
      const ids = outcomes.flatMap((outcome) => (outcome.status === 'ok' ? videoIdsOf(outcome.page) : []))
      assert.equal(ids.length, 45)
      assert.equal(new Set(ids).size, 45)
    })

    test('what was served and not reached comes again when nothing else is left, or when its time is over', async () => {
      const world = await worldOf(10)
      const first = videoIdsOf(await world.page('ann', { limit: 6 }))
      const second = videoIdsOf(await world.page('ann', { limit: 6 }))
      assert.equal(second.filter((id) => first.includes(id)).length, 2)
      world.nowMs += 31 * 60_000
      assert.equal(videoIdsOf(await world.page('ann')).length, 10)
    })

    test('a video passed on the page counts as seen', async () => {
      const world = await worldOf(30)
      const page = await world.page('ann')
      world.watch('ann', page.entries[4]!.videoId, 1, page.requestId)
      world.nowMs += 60 * 60_000
      const later = new Set(videoIdsOf(await world.page('ann', { limit: 50 })))
      assert.deepEqual(
        page.entries.map((entry) => later.has(entry.videoId)),
        [...Array(5).fill(false), ...Array(5).fill(true)],
      )
    })

    test('a cursor asked again gives the same page, also from another shard that read the same log', async () => {
      const world = await worldOf(80)
      const first = await world.page('ann')
      for (const entry of first.entries.slice(0, 3)) world.watch('ann', entry.videoId, 1, first.requestId)
      const second = await world.page('ann', { cursor: first.cursor, explain: true })
      assert.ok(second.served)
      await world.page('ann', { cursor: second.cursor })
      const again = await world.page('ann', { cursor: first.cursor, explain: true })
      assert.equal(again.served, null)
      assert.deepEqual(again, { ...second, served: null })

      const restarted = await makeWorld()
      restarted.replay(throughTheWire(world))
      const after = await restarted.page('ann', { cursor: first.cursor, explain: true })
      assert.equal(JSON.stringify(after), JSON.stringify(again))
    })

    test('two views fed the same records give the same page bytes for the same request', async () => {
      const world = await worldOf(80)
      let cursor: string | null = null
      for (let round = 0; round < 4; round++) {
        const page = await world.page('ann', { cursor })
        page.entries.forEach((entry, place) => {
          world.watch('ann', entry.videoId, place % 3 === 0 ? 1 : 0.02, page.requestId)
        })
        cursor = page.cursor
      }
      const other = await makeWorld()
      other.replay(throughTheWire(world))
      const request: FeedRequest = world.request('ann', { cursor, explain: true })
      const [left, right] = await Promise.all([world.shard.feed(request), other.shard.feed(request)])
      assert.ok(left.status === 'ok' && right.status === 'ok')
      assert.deepEqual(left.page.entries, right.page.entries)
      assert.deepEqual(encode(withoutTimes(left.page.served!)), encode(withoutTimes(right.page.served!)))
    })

    test('a page asked for twice under one request id is one page', async () => {
      const world = await worldOf(40)
      const request = world.request('ann')
      const first = await world.shard.feed(request)
      const second = await world.shard.feed(request)
      assert.ok(first.status === 'ok' && second.status === 'ok')
      assert.deepEqual(second.page, { ...first.page, served: null })
      assert.equal((await world.shard.feed({ ...request, userId: 'bob' })).status, 'bad-cursor')
    })

    test('cursors of others, of other feeds, damaged or ahead are refused with a reason', async () => {
      const world = await worldOf(40)
      const { cursor } = await world.page('ann')
      const refused = async (fields: Partial<FeedRequest>, user = 'ann') => {
        const outcome = await world.shard.feed(world.request(user, fields))
        assert.equal(outcome.status, 'bad-cursor')
      }
      await refused({ cursor }, 'bob')
      await refused({ cursor, feed: 'following' })
      await refused({ cursor: 'nonsense' })
      await refused({ cursor: `${cursor}A` })
      await refused({ cursor: '' })
      const fresh = await makeWorld()
      assert.equal((await fresh.shard.feed(fresh.request('ann', { cursor }))).status, 'bad-cursor')
      assert.equal(world.shard.counts.badCursors, 5)
    })

    test('a video taken down leaves the next page, and a page given again', async () => {
      const world = await worldOf(12)
      const first = await world.page('ann', { limit: 5 })
      const second = await world.page('ann', { limit: 5, cursor: first.cursor })
      const gone = second.entries[1]!.videoId
      world.takeDown(gone)
      const again = await world.page('ann', { limit: 5, cursor: first.cursor })
      assert.deepEqual(
        videoIdsOf(again),
        videoIdsOf(second).filter((id) => id !== gone),
      )
      assert.ok(!videoIdsOf(await world.page('bob', { limit: 50 })).includes(gone))
      assert.equal((await world.shard.video(gone))!.state, 'taken-down')
      assert.equal((await world.shard.video(gone))!.reason, 'spam')
      assert.equal(await world.shard.video('unheard'), null)
    })

    test('a request waits for the events it must reflect, a bounded time', async () => {
      let sleeps = 0
      const { promise: waits, resolve: startWaiting } = Promise.withResolvers<void>()
      const world = await makeWorld({
        sleep: async (_ms, signal) => {
          sleeps++
          startWaiting()
          await new Promise<void>((resolve) => signal?.addEventListener('abort', () => resolve()))
        },
      })
      for (let number = 0; number < 20; number++) world.publish(`v${number}`)
      const answer = world.shard.feed(world.request('ann', { limit: 20, reflect: { partition: 0, next: 1 } }))
      await waits
      world.watch('ann', 'v3', 1)
      const outcome = await answer
      assert.ok(outcome.status === 'ok')
      assert.equal(outcome.page.entries.length, 19)
      assert.equal(outcome.page.versions.log['interactions/0'], 1)
      assert.equal(sleeps, 1)

      const impatient = await makeWorld()
      impatient.publish('v0')
      const late = await impatient.shard.feed(impatient.request('ann', { reflect: { partition: 0, next: 5 } }))
      assert.equal(late.status, 'ok')
      assert.equal(impatient.shard.counts.unreflected, 1)
    })

    test('a page can be explained by name until it is forgotten', async () => {
      const world = await worldOf(40)
      world.policy('ranking', { like: 3 })
      const page = await world.page('ann')
      world.policy('ranking', { like: 4 })
      const explained = (await world.shard.explain(page.requestId))!
      assert.equal(explained.weights.like, 3)
      assert.equal(explained.policyVersion, 1)
      assert.equal(explained.entries.length, 10)
      assert.equal(explained.entries[0]!.predictions.complete, 0.5)
      assert.ok('sessionLength' in explained.features && 'logDuration' in explained.entries[0]!.features)
      assert.ok(explained.sources.some((source) => source.name === 'popular' && source.outcome === 'ok'))
      assert.equal(await world.shard.explain('unheard'), null)
    })

    test('an erased user is forgotten whole', async () => {
      const world = await worldOf(20)
      const page = await world.page('ann')
      world.watch('ann', page.entries[0]!.videoId, 1, page.requestId)
      world.append(topics.users, { type: 'UserErased', eventId: 'e', eventTimeMs: 1, receivedTimeMs: 1, userId: 'ann' })
      assert.equal(await world.shard.explain(page.requestId), null)
      assert.equal(videoIdsOf(await world.page('ann', { limit: 50 })).length, 20)
    })
  })
}

/** The records as another shard would read them. */
function throughTheWire(world: ShardWorld): ShardWorld['records'] {
  return world.records.map((recorded) => {
    const record = decode(encode(recorded.record))
    assert.ok(record.type !== 'undecodable')
    return { ...recorded, record }
  })
}

function withoutTimes(served: FeedServed): FeedServed {
  return { ...served, sources: served.sources.map((source) => ({ ...source, tookMicros: 0 })) }
}
