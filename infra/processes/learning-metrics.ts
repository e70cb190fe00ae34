// What the learning thread tells: how well predictions were before they were learned, and how far each processor has come.
import { Gauge, Registry } from 'prom-client'
import { heads } from '../../schemas/labels.ts'
import type { RunnerProgress } from '../../streams/processor/partition-runner.ts'
import type { OnlineTrainer } from '../../trainers/online-trainer.ts'

export interface LearningStatus {
  readonly examplesTrained: number
  /** Progressive AUC and log loss over the newest examples, by head; NaN where there are too few of one kind. */
  readonly auc: Readonly<Record<string, number>>
  readonly logLoss: Readonly<Record<string, number>>
  readonly deadLetters: number
  readonly processors: readonly Readonly<RunnerProgress>[]
}

export interface LearningMetricsOptions {
  trainer(): OnlineTrainer | null
  progress(): readonly Readonly<RunnerProgress>[]
}

const probabilityHeads = heads.filter((head) => head !== 'watchTime')

export function learningMetrics({ trainer, progress }: LearningMetricsOptions): {
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
  const status = (): LearningStatus => {
    const metrics = trainer()?.metrics
    const byHead = (value: (head: (typeof probabilityHeads)[number]) => number): Record<string, number> =>
      Object.fromEntries(metrics ? probabilityHeads.map((head) => [head, value(head)]) : [])
    const processors = progress()
    return {
      examplesTrained: metrics?.head('longView').seen ?? 0,
      auc: byHead((head) => metrics!.head(head).auc.auc),
      logLoss: byHead((head) => metrics!.head(head).logLoss.mean),
      deadLetters: processors.reduce((sum, one) => sum + one.deadLetters, 0),
      processors,
    }
  }
  gauge('auc', 'Progressive AUC over the newest examples', ['head'], (self) => {
    for (const [head, value] of Object.entries(status().auc)) self.set({ head }, value)
  })
  gauge('log_loss', 'Progressive log loss over the newest examples', ['head'], (self) => {
    for (const [head, value] of Object.entries(status().logLoss)) self.set({ head }, value)
  })
  gauge('examples_total', 'Examples learned', [], (self) => self.set(status().examplesTrained))
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
