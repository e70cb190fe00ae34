// Measures the demo from outside its threads: what they report, and rates between two looks.

import type { Engine, FreshnessBin } from '../processes/engine.ts'
import type { LearningStatus } from '../processes/running-role.ts'
import type { PopulationReport } from '../simulation/population.ts'
import type { DemoStatus, Quantiles } from './demo-view.ts'

const shownHeads = ['longView', 'complete', 'like', 'earlySkip']

export class DemoMeter {
  phase = 'starting'
  population: PopulationReport | null = null
  private readonly engine: Engine
  private readonly startedMs = performance.now()
  private learning: LearningStatus | null = null
  private freshness: readonly FreshnessBin[] = []
  /** Freshness before the population came: a bulk replay is as stale as its backlog is long. */
  private freshnessBefore: readonly FreshnessBin[] = []
  private examplesBefore = 0
  private liveSinceMs: number | null = null
  private lag: Record<string, number> = {}
  private examplesPerSecond = 0
  private lookedMs = performance.now()

  constructor(engine: Engine) {
    this.engine = engine
  }

  async startLive(): Promise<void> {
    await this.refresh()
    this.freshnessBefore = this.freshness
    this.examplesBefore = this.learning?.examplesTrained ?? 0
    this.liveSinceMs = performance.now()
    this.phase = 'a population swipes'
  }

  async refresh(): Promise<void> {
    const before = this.learning?.examplesTrained ?? 0
    const [learning, freshness, lag] = await Promise.all([
      this.engine.learning(),
      this.engine.freshness(),
      this.engine.lag(),
    ])
    const nowMs = performance.now()
    const trained = (learning?.examplesTrained ?? 0) - before
    this.examplesPerSecond = (1_000 * trained) / Math.max(1, nowMs - this.lookedMs)
    this.lookedMs = nowMs
    this.learning = learning
    this.freshness = freshness
    this.lag = {}
    for (const one of lag) this.lag[one.group] = (this.lag[one.group] ?? 0) + one.lag
  }

  status(): DemoStatus {
    const { population } = this
    return {
      phase: this.phase,
      seconds: (performance.now() - (this.liveSinceMs ?? this.startedMs)) / 1_000,
      address: this.engine.url ?? '',
      eventsAccepted: population?.eventsAccepted ?? 0,
      eventsPerSecond: population?.eventsPerSecond ?? 0,
      examplesTrained: this.examplesLive(),
      examplesPerSecond: this.examplesPerSecond,
      pagesServed: population?.pages ?? 0,
      auc: this.auc(),
      freshnessMs: this.freshnessMs(),
      feedLatencyMs: population?.latencyMs ?? { p50: Number.NaN, p99: Number.NaN },
      lag: this.lag,
      deadLetters: this.learning?.deadLetters ?? 0,
      lift: population && population.pages > 0 ? population.lift : null,
      repeats: population?.repeats ?? 0,
    }
  }

  /** One line for a log. */
  line(): string {
    const { eventsAccepted, freshnessMs, feedLatencyMs, lift } = this.status()
    return `${eventsAccepted} events, freshness p99 ${freshnessMs.p99.toFixed(0)} ms, feed p99 ${feedLatencyMs.p99.toFixed(0)} ms, taste found ${(100 * (lift ?? 0)).toFixed(0)} %`
  }

  result(): Record<string, unknown> {
    const { eventsAccepted, examplesTrained, freshnessMs, feedLatencyMs, deadLetters, repeats, lift } = this.status()
    const population = this.population
    return {
      eventsAccepted,
      eventsRejected: population?.eventsRejected ?? 0,
      rejections: population?.rejections ?? {},
      examplesTrained,
      pagesServed: population?.pages ?? 0,
      feedFailures: population?.feedFailures ?? 0,
      freshnessMs,
      feedLatencyMs,
      latencyMs: feedLatencyMs,
      eventsPerSecond: population?.eventsPerSecond ?? 0,
      auc: this.learning?.auc ?? {},
      affinity: population?.affinity ?? null,
      lift,
      repeats,
      deadLetters,
      lag: this.lag,
    }
  }

  private examplesLive(): number {
    return (this.learning?.examplesTrained ?? 0) - this.examplesBefore
  }

  private auc(): Record<string, number> {
    const auc = this.learning?.auc ?? {}
    return Object.fromEntries(shownHeads.map((head) => [head, auc[head] ?? Number.NaN]))
  }

  private freshnessMs(): Quantiles {
    const before = new Map(this.freshnessBefore.map((bin) => [bin.upToMs, bin.examples]))
    const bins = this.freshness.map(({ upToMs, examples }) => ({
      upToMs,
      examples: examples - (before.get(upToMs) ?? 0),
    }))
    return { p50: quantile(bins, 0.5), p99: quantile(bins, 0.99) }
  }
}

function quantile(bins: readonly FreshnessBin[], share: number): number {
  const total = bins.reduce((sum, bin) => sum + bin.examples, 0)
  let below = 0
  for (const { upToMs, examples } of bins) {
    below += examples
    if (total > 0 && below >= share * total) return upToMs
  }
  return Number.NaN
}
