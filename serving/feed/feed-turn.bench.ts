// Milliseconds of one turn of the For You feed: 20,000 videos, the shipped model, one thread; 100 pages to warm up, 400
// measured. On a busy machine look at the processor time, which counts the collector's threads too.
// Run: node serving/feed/feed-turn.bench.ts
import { cpus } from 'node:os'
import { performance } from 'node:perf_hooks'
import { modelWorld } from './model-world.ts'
import { seededRandom } from './seeded-random.ts'

const videos = 20_000
const warmUpPages = 100
const measuredPages = 400

const { world, generation } = await modelWorld(400_000, () => performance.now())
const random = seededRandom('bench')
for (let number = 0; number < videos; number++) {
  world.publish(`v${number}`, {
    creatorId: `c${random.below(2_000)}`,
    hashtags: [`tag${random.below(300)}`, `tag${random.below(300)}`],
    category: `category${random.below(20)}`,
    embedding: Array.from({ length: 16 }, () => random.uniform() - 0.5),
  })
}
generation(1)

const latenciesMs: number[] = []
let cpuMicros = 0
for (let page = 0; page < warmUpPages + measuredPages; page++) {
  const user = `user${page % 20}`
  const request = world.request(user)
  const started = performance.now()
  const cpuBefore = process.cpuUsage()
  const outcome = await world.shard.feed(request)
  if (page >= warmUpPages) {
    const { user: own, system } = process.cpuUsage(cpuBefore)
    cpuMicros += own + system
    latenciesMs.push(performance.now() - started)
  }
  if (outcome.status !== 'ok') throw new Error(outcome.reason)
  for (const entry of outcome.page.entries) world.watch(user, entry.videoId, random.uniform(), request.requestId)
}
latenciesMs.sort((left, right) => left - right)
const at = (share: number): number => Number(latenciesMs[Math.floor(share * (latenciesMs.length - 1))]!.toFixed(2))
console.log(
  JSON.stringify({
    bench: 'feed-turn',
    machine: `${cpus().length} x ${cpus()[0]?.model.trim()}`,
    videos,
    pages: measuredPages,
    meanMsByStage: Object.fromEntries(
      [...world.shard.counts.stageMicros]
        .map(([name, micros]): [string, number] => [
          name,
          Number((micros / 1_000 / world.shard.counts.pages).toFixed(2)),
        ])
        .filter(([, ms]) => ms >= 0.1),
    ),
    cpuMsMean: Number((cpuMicros / 1_000 / measuredPages).toFixed(2)),
    latencyMs: { p50: at(0.5), p90: at(0.9), p99: at(0.99) },
  }),
)
