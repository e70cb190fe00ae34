// A swipe changes the next page: at once through the session's features, and through learned weights alone when nothing
// else may act. Real engine, real threads, real HTTP; the same swipes, ended differently, are all that tells users apart.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { systemRuntime } from '../../streams/runtime/system-runtime.ts'
import { mean, meanDifference, percent } from './fixtures/mean-difference.ts'
import {
  armsAfterSwipes,
  describeShares,
  learnedWeightsOnly,
  pageLimit,
  sharesOf,
  swipesPerUser,
} from './fixtures/swipe-arms.ts'
import { type ShownPage, type SwipeWorld, swipeWorld } from './fixtures/swipe-world.ts'

const { clock, randomness } = systemRuntime
const catalog = { videos: 300, topics: 12 }
/** Differences below this many standard errors are called chance. */
const significant = 3
/** Chance stays below this but once in some thousand runs. */
const chanceMax = 4
const pairsRightMin = 10

test('three skips or three completions of a topic change the very next page', { timeout: 120_000 }, async (t) => {
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
  // Half of a new user's page are experiments, so a single page may miss the topic.
  const rightPairs = complete.filter((share, pair) => share > skip[pair]!).length
  assert.ok(rightPairs >= pairsRightMin, `${rightPairs} of ${complete.length} pairs differ the right way`)
  assert.ok(median(tookMs) < 1_000, 'the next page follows within a second')
})

test('learned weights alone change the next page', { timeout: 120_000 }, async (t) => {
  const seed = randomness.seed()
  t.diagnostic(`seed ${seed}`)
  const world = await swipeWorld(t, { seed, ...catalog, flags: learnedWeightsOnly })
  const users = await armsAfterSwipes(world, 144, (version) => world.whenServed(version))

  const first = await sharesOf(world, users)
  t.diagnostic(describeShares(`next pages of ${users.length} users, page rules on`, first))
  await world.setPolicies({ selection: { topicDiscount: 0, hashtagCap: 50, creatorSpacing: 0 } })
  const second = await sharesOf(world, users)
  t.diagnostic(describeShares('the same users, ordered by the model alone', second))
  for (const { complete, skip } of [first, second]) {
    const { standardErrors } = meanDifference(complete, skip)
    assert.ok(standardErrors > significant, `how the swipes ended decides: ${standardErrors} standard errors`)
  }
  for (const { userId } of users.slice(0, 2)) await assertNoFeatureOfSwipes(world, userId)
  const { complete, skip, none, otherComplete, otherSkip } = second
  assert.ok(mean(complete) > mean(none) && mean(none) > mean(skip), 'both endings act, each its own way')
  const own = meanDifference(complete, skip).difference
  const other = meanDifference(otherComplete, otherSkip).difference
  assert.ok(Math.abs(other) < own / 2, 'what they did not swipe differs far less between them')
})

test('the same swipes change nothing while no learned weight reaches the pages', { timeout: 120_000 }, async (t) => {
  const seed = randomness.seed()
  t.diagnostic(`seed ${seed}`)
  const hour = '3600000'
  const flags = (dataDir: string) => ({
    ...learnedWeightsOnly(dataDir),
    syncIntervalMs: hour,
    checkpointIntervalMs: hour,
  })
  const world = await swipeWorld(t, { seed, ...catalog, flags })
  const users = await armsAfterSwipes(world, 48, async () => {})
  const shares = await sharesOf(world, users)
  t.diagnostic(describeShares(`next pages of ${users.length} users, model never published`, shares))
  assert.equal(world.modelVersionOf(await world.feed('probe', 1)), 0)
  const { standardErrors } = meanDifference(shares.complete, shares.skip)
  assert.ok(Math.abs(standardErrors) < chanceMax, `${standardErrors} standard errors without any learned weight`)
})

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

/** Everything that was scored is an id of who, where and what, or a number that no swipe moves. */
async function assertNoFeatureOfSwipes(world: SwipeWorld, userId: string) {
  const { requestId } = await world.feed(userId, pageLimit)
  const { features, entries } = await world.explained(requestId)
  const stillNumbers = /^(hourSin|hourCos|logDuration|content\.\d+)$/
  for (const [name, value] of [features, ...entries.map((entry) => entry.features)].flatMap(Object.entries)) {
    if (typeof value === 'number') assert.match(name, stillNumbers)
    else assert.ok(!name.startsWith('recent'), name)
  }
  assert.ok('user' in features && entries.every((entry) => 'userXhashtag' in entry.features), 'features are told')
}

function median(values: readonly number[]): number {
  return [...values].sort((left, right) => left - right)[values.length >> 1]!
}
