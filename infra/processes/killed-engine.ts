// An engine that is killed with SIGKILL at seeded random moments while clients use it, started again each time, and
// stopped cleanly at the end, when everything it took has been folded.
import { examples, interactions } from '../../schemas/topics.ts'
import { type Log, partitionOf } from '../../streams/log/log.ts'
import { remoteLog } from '../../streams/log/remote-log.ts'
import { connectToLog } from '../../streams/log/socket-channel.ts'
import type { Runtime } from '../../streams/runtime/runtime.ts'
import { seededRandom } from '../simulation/seeded-random.ts'
import type { CatalogVideo } from '../simulation/tastes.ts'
import { type EngineProcess, startEngineProcess } from './engine-process.ts'
import { logSocketPath } from './open-log.ts'
import { type Ledger, PersistentClients } from './persistent-clients.ts'

export interface KilledEngineOptions {
  readonly dataDir: string
  readonly configPath: string
  readonly compileCache: string
  readonly model: string
  readonly seed: number
  readonly kills: number
  readonly users: number
  readonly catalog: readonly CatalogVideo[]
  readonly runtime: Runtime
}

export interface KilledEngineReport {
  readonly ledger: Ledger
  /** From the start of a process until it said that it was ready. */
  readonly startsMs: readonly number[]
  killedBeforeReady: number
  killedUnderLoad: number
  /** Lives whose view was not fed as it should have been, in words. */
  readonly viewTroubles: string[]
}

/** A share of what the last start took, ready by then or not; or so many acknowledged events and so long after. */
type Moment =
  | { readonly kind: 'starting'; readonly shareOfStart: number }
  | { readonly kind: 'loaded'; readonly events: number; readonly afterMs: number }

const startingShare = 0.3
const eventsAtTheEnd = 100
const pollMs = 20

export async function killedEngine(options: KilledEngineOptions): Promise<KilledEngineReport> {
  const { clock, timers } = options.runtime
  const acknowledged = countdown()
  const clients = new PersistentClients({ ...options, onAcknowledged: acknowledged.count })
  const startsMs: number[] = []
  const report: KilledEngineReport = {
    ledger: clients.ledger,
    startsMs,
    killedBeforeReady: 0,
    killedUnderLoad: 0,
    viewTroubles: [],
  }

  /** Starts a process, hands it to `use` and sees to it that it ends there and nowhere else. */
  async function life(use: (engine: EngineProcess, ready: Promise<void>) => Promise<void>): Promise<void> {
    let isOver = false
    const startedMs = clock.monotonicMs()
    const engine = startEngineProcess(options)
    const ready = engine.ready.then(({ url }) => {
      if (isOver) return
      startsMs.push(clock.monotonicMs() - startedMs)
      clients.connect(url!)
    })
    ready.catch(() => {})
    const endedAlone = engine.ended.then(({ failed, said }) =>
      failed ? Promise.reject(new Error(`the engine ended by itself: ${said}`)) : undefined,
    )
    const end = async (ending: Promise<void>): Promise<void> => {
      isOver = true
      clients.disconnect()
      await ending
    }
    try {
      const used = use({ ...engine, kill: () => end(engine.kill()), stop: () => end(engine.stop()) }, ready)
      await Promise.race([used, endedAlone.then(() => used)])
      await endedAlone
    } finally {
      if (!isOver) await end(engine.kill())
    }
  }

  await life(async (engine, ready) => {
    await ready
    await clients.publish()
    await engine.stop()
  })
  const living = clients.live()
  for (const moment of momentsOf(options.seed, options.kills)) {
    await life(async (engine, ready) => {
      const readyBefore = startsMs.length
      if (moment.kind === 'starting') {
        await timers.sleep(moment.shareOfStart * startsMs.at(-1)!)
      } else {
        await ready
        report.viewTroubles.push(...(await viewTroubles((await engine.ready).url!)))
        await acknowledged.past(moment.events)
        await timers.sleep(moment.afterMs)
      }
      if (startsMs.length > readyBefore) report.killedUnderLoad++
      else report.killedBeforeReady++
      await engine.kill()
    })
  }
  await life(async (engine, ready) => {
    await ready
    report.viewTroubles.push(...(await viewTroubles((await engine.ready).url!)))
    await acknowledged.past(eventsAtTheEnd)
    clients.finish()
    await living
    await folded(options)
    await engine.stop()
  })
  return report
}

function momentsOf(seed: number, kills: number): Moment[] {
  const random = seededRandom(seed)
  return Array.from({ length: kills }, (): Moment => {
    if (random.chance(startingShare)) return { kind: 'starting', shareOfStart: random.between(0.05, 1.2) }
    // Half of them early, when what the last life left is still being folded.
    const events = 1 + random.below(random.chance(0.5) ? 20 : 250)
    return { kind: 'loaded', events, afterMs: random.between(0, 600) }
  })
}

/** A view that resumes reads its snapshots and every delta after them without an error or a gap. */
async function viewTroubles(url: string): Promise<string[]> {
  const text = await (await fetch(`${url}/metrics`)).text()
  return ['feeder_errors_total', 'gaps_total', 'bad_records_total'].flatMap((name) => {
    const line = text.split('\n').find((candidate) => candidate.startsWith(`freshet_serving_${name}{`))
    return line?.endsWith(' 0') ? [] : [line ?? `no metric ${name}`]
  })
}

/** Waits until so many more have been counted. */
function countdown(): { count(events: number): void; past(events: number): Promise<void> } {
  let left = 0
  let reached = () => {}
  return {
    count(events) {
      left -= events
      if (left <= 0) reached()
    },
    past(events) {
      left = events
      return new Promise((resolve) => {
        reached = resolve
      })
    },
  }
}

/** Resolves when all that clients were promised has been joined, counted, learned and projected. */
async function folded({ dataDir, model, runtime }: KilledEngineOptions): Promise<void> {
  const log = remoteLog(await connectToLog(logSocketPath(dataDir)))
  try {
    await committedPastEnd(log, interactions, ['joiner', 'engagements'], runtime)
    await committedPastEnd(log, examples, ['counter', `trainer.${model}`], runtime)
  } finally {
    await log.close()
  }
}

/** The end moves on with each Tick: what matters is where it was when the groups were asked. */
async function committedPastEnd(log: Log, topic: string, groups: readonly string[], runtime: Runtime): Promise<void> {
  const { latest } = await log.bounds({ topic, partition: partitionOf(0) })
  for (const group of groups) {
    while (((await log.committed(group, topic)).get(partitionOf(0)) ?? 0) < latest) await runtime.timers.sleep(pollMs)
  }
}
