// What the learning thread tells: how well predictions were before they were learned, and how far each processor has come.
import { Gauge, Registry } from 'prom-client'
import { heads } from '../../schemas/labels.ts'
import type { RunnerProgress } from '../../streams/processor/partition-runner.ts'
import type { Clock } from '../../streams/runtime/runtime.ts'
import type { OnlineTrainer } from '../../trainers/online-trainer.ts'

export interface LearningStatus {
  /** Since this process started. */
  readonly examplesTrained: number
  /** Progressive AUC and log loss over the newest examples, by head; NaN where there are too few of one kind. */
  readonly auc: Readonly<Record<string, number>>
  readonly logLoss: Readonly<Record<string, number>>
  readonly deadLetters: number
  readonly processors: readonly Readonly<RunnerProgress>[]
}

export interface LearningMetricsOptions {
  trainer(): OnlineTrainer | null
  /** Examples learned since this process started. */
  examplesTrained(): number
  readonly clock: Clock
  progress(): readonly Readonly<RunnerProgress>[]
}

const qualityEveryMs = 4_000
const probabilityHeads = heads.filter((head) => head !== 'watchTime')

export function learningMetrics({ trainer, examplesTrained, clock, progress }: LearningMetricsOptions): {
  status(): LearningStatus
  text(): Promise<string>
} {
  const registry = new Registry()
  const gauge = (name: string, help: string, labelNames: string[], collect: (gauge: Gauge) => void): void => {
    new Gauge({
      name: `freshet_learning_${name}`,
      help,
      labelNames,
      registers: [registry],
      collect() {
        collect(this)
      },
    })
  }
  let quality: Pick<LearningStatus, 'auc' | 'logLoss'> = { auc: {}, logLoss: {} }
  let qualityAtMs = Number.NEGATIVE_INFINITY
  // An exact AUC sorts its whole window: looked at often, it would take the time that learning needs.
  const freshQuality = (): Pick<LearningStatus, 'auc' | 'logLoss'> => {
    const metrics = trainer()?.metrics
    const nowMs = clock.monotonicMs()
    if (!metrics || nowMs - qualityAtMs < qualityEveryMs) return quality
    qualityAtMs = nowMs
    const byHead = probabilityHeads.map((head) => [head, metrics.head(head)] as const)
    quality = {
      auc: Object.fromEntries(byHead.map(([head, measured]) => [head, measured.auc.auc])),
      logLoss: Object.fromEntries(byHead.map(([head, measured]) => [head, measured.logLoss.mean])),
    }
    return quality
  }
  const status = (): LearningStatus => {
    const processors = progress()
    return {
      examplesTrained: examplesTrained(),
      ...freshQuality(),
      deadLetters: processors.reduce((sum, one) => sum + one.deadLetters, 0),
      processors,
    }
  }
  gauge('auc', 'Progressive AUC over the newest examples', ['head'], (self) => {
    for (const [head, value] of Object.entries(freshQuality().auc)) self.set({ head }, value)
  })
  gauge('log_loss', 'Progressive log loss over the newest examples', ['head'], (self) => {
    for (const [head, value] of Object.entries(freshQuality().logLoss)) self.set({ head }, value)
  })
  gauge('examples_total', 'Examples learned', [], (self) => self.set(examplesTrained()))
  gauge('processor_records_total', 'Records folded since start', ['group', 'topic', 'partition'], (self) => {
    for (const one of progress()) self.set(placeOf(one), one.records)
  })
  gauge('processor_dead_letters_total', 'Records refused since start', ['group', 'topic', 'partition'], (self) => {
    for (const one of progress()) self.set(placeOf(one), one.deadLetters)
  })
  gauge('processor_next_offset', 'Next input offset', ['group', 'topic', 'partition'], (self) => {
    for (const one of progress()) self.set(placeOf(one), one.next)
  })
  return { status, text: () => registry.metrics() }
}

function placeOf(progress: Readonly<RunnerProgress>): Record<string, string> {
  return { group: progress.group, topic: progress.topic, partition: String(progress.partition) }
}
