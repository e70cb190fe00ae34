// One drill: a real topology on a real Kafka under load, a fault at seeded random moments, a clean end, and a verdict by an
// independent fold of what the log then holds.
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { FreshetError } from '../../streams/runtime/errors.ts'
import type { Runtime } from '../../streams/runtime/runtime.ts'
import { seededRandom } from '../simulation/seeded-random.ts'
import type { Fault } from './faults.ts'
import { judge } from './judge/judge.ts'
import { isPassed, type Verdict } from './judge/verdict.ts'
import { type Rig, startRig } from './rig.ts'

export interface DrillOptions {
  readonly fault: Fault
  /** Moments at which the fault is injected, one after the other, each after the last was mended. */
  readonly moments: number
  readonly seed: number
  readonly runtime: Runtime
  readonly say: (text: string) => void
  /** Where processes, log and blobs lie; a temporary folder by default, kept when the drill fails. */
  readonly folder?: string
}

export interface DrillReport extends Verdict {
  readonly drill: string
  readonly seed: number
  readonly moments: number
  readonly passed: boolean
  readonly events: number
  readonly pages: number
  /** Requests of clients that got no answer or a refusal; they tried again. */
  readonly requestsFailed: number
  /** From the fault being mended until every processor had folded what the log then held. */
  readonly recoveryMs: { readonly p50: number; readonly max: number }
  readonly seconds: number
  readonly folder: string
}

/** Load before the first moment and between two, as the number of events acknowledged meanwhile. */
const eventsBetween = { min: 40, max: 160 }
const withinMsMax = 1_500

export async function runDrill(options: DrillOptions): Promise<DrillReport> {
  const { fault, moments, seed, runtime } = options
  const folder = options.folder ?? mkdtempSync(join(tmpdir(), `freshet-drill-${fault.name}-`))
  mkdirSync(folder, { recursive: true })
  if (readdirSync(folder).length > 0) throw new FreshetError('usage', `${folder} is not empty: name a fresh folder`)
  const startedMs = runtime.clock.monotonicMs()
  const seconds = () => (runtime.clock.monotonicMs() - startedMs) / 1_000
  const say = (text: string) => options.say(`${seconds().toFixed(1).padStart(6)} s  ${text}`)
  const random = seededRandom(seed)
  const recoveriesMs: number[] = []
  say(`${fault.name}: ${fault.about}; ${moments} moments from seed ${seed}, in ${folder}`)
  const rig = await startRig({ fault, folder, seed, runtime, say })
  let verdict: Verdict
  say('every process is ready')
  try {
    for (let moment = 1; moment <= moments; moment++) {
      await rig.eventsAcknowledged(eventsBetween.min + random.below(eventsBetween.max - eventsBetween.min))
      await runtime.timers.sleep(random.between(0, withinMsMax))
      say(`${fault.name}: moment ${moment} of ${moments}`)
      await fault.inject(rig.stage, random)
      const mendedMs = runtime.clock.monotonicMs()
      await rig.foldedAll()
      recoveriesMs.push(runtime.clock.monotonicMs() - mendedMs)
      say(
        `${fault.name}: moment ${moment} of ${moments}, caught up ${Math.round(recoveriesMs.at(-1)!)} ms after it was mended`,
      )
    }
    await rig.finish()
    say('everything is folded and every process has stopped')
    verdict = await judge(await rig.remains())
  } finally {
    await rig.close()
  }
  return report(options, rig, verdict, recoveriesMs, seconds(), folder)
}

function report(
  { fault, seed, moments, folder: asked }: DrillOptions,
  { ledger }: Rig,
  verdict: Verdict,
  recoveriesMs: readonly number[],
  seconds: number,
  folder: string,
): DrillReport {
  const requestsFailed = ledger.unanswered + ledger.refused
  const passed = isPassed(verdict) && !(fault.everyRequestAnswered && requestsFailed > 0)
  if (passed && asked === undefined) rmSync(folder, { recursive: true, force: true })
  const ascending = recoveriesMs.toSorted((left, right) => left - right)
  return {
    drill: fault.name,
    seed,
    moments,
    passed,
    ...verdict,
    events: ledger.acknowledgedEventIds.size,
    pages: ledger.loggedRequestIds.size,
    requestsFailed,
    recoveryMs: { p50: ascending[ascending.length >> 1] ?? 0, max: ascending.at(-1) ?? 0 },
    seconds,
    folder,
  }
}
