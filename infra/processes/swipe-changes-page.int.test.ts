// A swipe changes the next page: at once through the session's features, and through learned weights alone when nothing
// else may act. Real engine, real threads, real HTTP; the same swipes, ended differently, are all that tells users apart.
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { systemRuntime } from '../../streams/runtime/system-runtime.ts'
import { foryouSpec } from '../../trainers/model/shipped-specs.ts'
import { mean, meanDifference, type ShownPage, type SwipeWorld, swipeWorld } from './fixtures/swipe-world.ts'

const { clock, randomness } = systemRuntime
const catalog = { videos: 300, topics: 12 }
const swipesPerUser = 3
/** Differences below this many standard errors are called chance. */
const significant = 3
const pageLimit = 10
const percent = (share: number): string => `${(100 * share).toFixed(1)} %`

test('three skips or three completions of a topic change the very next page', { timeout: 60_000 }, async (t) => {
  const seed = randomness.seed()
  t.diagnostic(`seed ${seed}`)
  const world = await swipeWorld(t, { seed, ...catalog })
  const sharesByEnd = { complete: [] as number[], skip: [] as number[], none: [] as number[] }
  const tookMs: number[] = []
  let askedAgain = 0

  for (const [index, topic] of world.topics.entries()) {
    const before = sharedHistory(world, index)
    const swiped = draw(world, topic, swipesPerUser)
    for (const end of ['complete', 'skip', 'none'] as const) {
      const userId = `${end}-${topic}`
      for (const act of before) await world.swipe(userId, act.videoId, act.end)
      if (end !== 'none') for (const videoId of swiped) await world.swipe(userId, videoId, end)
      const acknowledgedMs = clock.monotonicMs()
      const appended = await world.appendedThrough()
      let page = await world.feed(userId, pageLimit)
      while (world.seenThrough(page) < appended) {
        askedAgain++
        page = await world.feed(userId, pageLimit)
      }
      tookMs.push(clock.monotonicMs() - acknowledgedMs)
      sharesByEnd[end].push(world.shareOf(page, topic))
      if (end !== 'none') await assertSaysWhy(world, page, topic, end)
    }
  }
  await assertSkippedTopicSaysWhy(world, `skip-${world.topics[0]!}`, world.topics[0]!)

  const { complete, skip, none } = sharesByEnd
  const { difference, standardErrors } = meanDifference(complete, skip)
  t.diagnostic(`share of the topic on the next page, ${complete.length} pairs of users:`)
  t.diagnostic(
    `completed ${percent(mean(complete))}, not swiped ${percent(mean(none))}, skipped ${percent(mean(skip))}`,
  )
  t.diagnostic(`difference ${percent(difference)}, ${standardErrors.toFixed(1)} standard errors`)
  t.diagnostic(`202 to page: median ${median(tookMs).toFixed(0)} ms, most ${Math.max(...tookMs).toFixed(0)} ms`)
  t.diagnostic(`pages asked again because the swipe was not in them yet: ${askedAgain}`)
  assert.ok(standardErrors > significant, 'completing a topic brings more of it than skipping it')
  assert.ok(mean(complete) > mean(none), 'completing a topic brings more of it than not having met it')
  for (const [pair, share] of complete.entries()) assert.ok(share > skip[pair]!, `pair ${pair} differs the right way`)
  assert.ok(median(tookMs) < 1_000, 'the next page follows within a second')
})

test('learned weights alone change the next page', { timeout: 60_000 }, async (t) => {
  const seed = randomness.seed()
  t.diagnostic(`seed ${seed}`)
  const world = await swipeWorld(t, { seed, ...catalog, flags: (dataDir) => learnedWeightsOnly(dataDir) })
  const arms = await armsAfterSwipes(world, 144, (version) => world.whenServed(version))

  const first = await sharesOf(world, arms)
  t.diagnostic(describeShares(`next pages of ${arms.users.length} users, page rules on`, first))
  await world.setPolicies({ selection: { topicDiscount: 0, hashtagCap: 50, creatorSpacing: 0 } })
  const second = await sharesOf(world, arms)
  t.diagnostic(describeShares('the same users, ordered by the model alone', second))
  for (const { complete, skip } of [first, second]) {
    const { standardErrors } = meanDifference(complete, skip)
    assert.ok(standardErrors > significant, `how the swipes ended decides: ${standardErrors} standard errors`)
  }
  const { complete, skip, none, otherComplete, otherSkip } = second
  assert.ok(mean(complete) > mean(none) && mean(none) > mean(skip), 'both endings act, each its own way')
  const own = meanDifference(complete, skip).difference
  const other = meanDifference(otherComplete, otherSkip).difference
  assert.ok(
    Math.abs(other) < own / 2,
    'a topic that these users did not swipe is no more of a difference than the rest',
  )
})

test('the same swipes change nothing while no learned weight reaches the pages', { timeout: 60_000 }, async (t) => {
  const seed = randomness.seed()
  t.diagnostic(`seed ${seed}`)
  const hour = '3600000'
  const flags = (dataDir: string) => ({
    ...learnedWeightsOnly(dataDir),
    syncIntervalMs: hour,
    checkpointIntervalMs: hour,
  })
  const world = await swipeWorld(t, { seed, ...catalog, flags })
  const arms = await armsAfterSwipes(world, 48, async () => {})
  const shares = await sharesOf(world, arms)
  t.diagnostic(describeShares(`next pages of ${arms.users.length} users, model never published`, shares))
  assert.equal(world.modelVersionOf(await world.feed('probe', 1)), 0)
})

interface Swiper {
  readonly userId: string
  readonly topic: string
  readonly end: 'complete' | 'skip'
}
interface Arms {
  readonly users: readonly Swiper[]
}
interface Shares {
  readonly complete: number[]
  readonly skip: number[]
  readonly none: number[]
  /** Of the next topic, which these users did not swipe. */
  readonly otherComplete: number[]
  readonly otherSkip: number[]
}

/**
 * As many users complete videos of each topic as skip some, so no topic is more popular than another. Each swipe of a
 * user is learned before the next comes.
 */
async function armsAfterSwipes(
  world: SwipeWorld,
  count: number,
  whenServed: (version: number) => Promise<void>,
): Promise<Arms> {
  await world.setPolicies(nothingButTheModel)
  const { topics } = world
  const users = Array.from(
    { length: count },
    (_, index): Swiper => ({
      userId: `user${index}`,
      topic: topics[index % topics.length]!,
      end: index % (2 * topics.length) < topics.length ? 'complete' : 'skip',
    }),
  )
  const shown = await inTurns(users, ({ userId, topic }) => entriesOf(world, userId, topic))
  for (let round = 0; round < swipesPerUser; round++) {
    await inTurns(users, ({ userId, end }, index) => {
      const { videoId, ...place } = shown[index]![round]!
      return world.swipe(userId, videoId, end, place)
    })
    await whenServed(await world.whenTrained(users.length * (round + 1)))
  }
  return { users }
}

async function sharesOf(world: SwipeWorld, { users }: Arms): Promise<Shares> {
  const { topics } = world
  const shares: Shares = { complete: [], skip: [], none: [], otherComplete: [], otherSkip: [] }
  await inTurns(users, async ({ userId, topic, end }) => {
    const page = await world.feed(userId, pageLimit)
    for (const { reasons } of page.entries) assert.deepEqual(reasons, [], 'nothing but the model speaks')
    shares[end].push(world.shareOf(page, topic))
    const other = topics[(topics.indexOf(topic) + 1) % topics.length]!
    shares[end === 'complete' ? 'otherComplete' : 'otherSkip'].push(world.shareOf(page, other))
  })
  await inTurns(topics, async (topic) => {
    shares.none.push(world.shareOf(await world.feed(`new-${topic}`, pageLimit), topic))
  })
  return shares
}

function describeShares(what: string, { complete, skip, none, otherComplete, otherSkip }: Shares): string {
  const own = meanDifference(complete, skip)
  const other = meanDifference(otherComplete, otherSkip)
  return [
    `${what}: completed ${percent(mean(complete))}, not swiped ${percent(mean(none))}, skipped ${percent(mean(skip))}`,
    `difference ${percent(own.difference)} = ${own.standardErrors.toFixed(1)} standard errors`,
    `of another topic ${percent(other.difference)} = ${other.standardErrors.toFixed(1)}`,
  ].join('; ')
}

/** Features and spec without what says at serving how the user's last videos ended: only rows and tensors are left. */
function learnedWeightsOnly(dataDir: string): Record<string, string> {
  const path = join(dataDir, 'without-history.json')
  const left = new Set(['recentPositive', 'recentNegative'])
  const kept = (slots: readonly string[]) => slots.filter((slot) => !left.has(slot))
  const { slots, ranker, towers } = foryouSpec
  const spec = {
    ...foryouSpec,
    slots: slots.filter(({ name }) => !left.has(name)),
    ranker: { ...ranker, slots: kept(ranker!.slots), history: { query: 'user', entry: 'hashtags' } },
    towers: { ...towers, slots: kept(towers!.slots) },
  }
  writeFileSync(path, JSON.stringify(spec))
  return {
    'model.spec': path,
    'model.excludedFeatures': 'session,*Rates,trends,sinceLastOutcome,recentPositive,recentNegative',
  }
}

/** Every stage that acts on the user's own swipes is off, and the whole catalog is ranked for everyone. */
const nothingButTheModel = {
  scoring: { sessionAffinity: 0, coldTopics: 0, lessOf: 0 },
  exploration: { epsilonCold: 0, epsilonFloor: 0, epsilonAfterSkips: 0 },
  retrieval: { topics: 0, similar: 0, trending: 0, following: 0, popularFloor: 400 },
}

function sharedHistory(world: SwipeWorld, topicIndex: number) {
  return (['complete', 'half', 'skip', 'complete'] as const).map((end, step) => {
    const topic = world.topics[(topicIndex + 1 + step) % world.topics.length]!
    return { videoId: draw(world, topic, 1)[0]!, end }
  })
}

function draw(world: SwipeWorld, topic: string, count: number): string[] {
  const left = world.videosOf(topic).map(({ videoId }) => videoId)
  return Array.from({ length: count }, () => left.splice(world.random.below(left.length), 1)[0]!)
}

async function assertSaysWhy(world: SwipeWorld, page: ShownPage, topic: string, end: 'complete' | 'skip') {
  const explained = await world.explained(page.requestId)
  const reason = `session: ${end === 'complete' ? 'completed' : 'skipped'} #${topic}`
  const ofTopic = page.entries.filter(({ videoId }) => world.videoById.get(videoId)!.topic === topic)
  for (const { reasons, position } of ofTopic) {
    assert.ok(reasons.includes(reason), `${reasons} has ${reason}`)
    const entry = explained.entries.find((other) => other.position === position)!
    assert.deepEqual(entry.reasons, reasons)
    const affinity = entry.features.sessionHashtagAffinity as number
    assert.ok(end === 'complete' ? affinity > 0 : affinity < 0, `affinity ${affinity} after ${end}`)
  }
}

async function assertSkippedTopicSaysWhy(world: SwipeWorld, userId: string, topic: string) {
  let page = await world.feed(userId, 50)
  while (world.shareOf(page, topic) === 0 && page.cursor !== null) page = await world.feed(userId, 50, page.cursor)
  assert.ok(world.shareOf(page, topic) > 0, 'the topic is still there, further down')
  await assertSaysWhy(world, page, topic, 'skip')
}

async function entriesOf(world: SwipeWorld, userId: string, topic: string) {
  const found: { videoId: string; requestId: string; position: number }[] = []
  let page = await world.feed(userId, 50)
  for (;;) {
    for (const { videoId, position } of page.entries) {
      if (world.videoById.get(videoId)!.topic === topic) found.push({ videoId, requestId: page.requestId, position })
      if (found.length === swipesPerUser) return found
    }
    page = await world.feed(userId, 50, page.cursor!)
  }
}

const atOnce = 4

/** Results in the order of the things. */
async function inTurns<Thing, Result>(
  things: readonly Thing[],
  work: (thing: Thing, index: number) => Promise<Result>,
): Promise<Result[]> {
  const results: Result[] = []
  for (let start = 0; start < things.length; start += atOnce) {
    const turn = things.slice(start, start + atOnce)
    results.push(...(await Promise.all(turn.map((thing, place) => work(thing, start + place)))))
  }
  return results
}

function median(values: readonly number[]): number {
  return [...values].sort((left, right) => left - right)[values.length >> 1]!
}
