// What a worker thread tells Prometheus of its roles: how far each processor has come and how well learners predicted.
import { Gauge, type Registry } from 'prom-client'
import type { RunnerProgress } from '../../streams/processor/partition-runner.ts'
import type { LearningQuality, RunningRole } from './running-role.ts'

export interface GaugeSample {
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
}

/** A gauge that is read when it is asked for; `read` gives its samples. */
export function readGauge(
  registry: Registry,
  name: string,
  help: string,
  labelNames: readonly string[],
  read: () => Iterable<GaugeSample> | Promise<Iterable<GaugeSample>>,
): void {
  new Gauge({
    name: `freshet_${name}`,
    help,
    labelNames: [...labelNames],
    registers: [registry],
    async collect() {
      // A log that is away must not hide everything else.
      const samples = await Promise.resolve()
        .then(read)
        .catch(() => [])
      // What is no longer owned must not go on being told.
      this.reset()
      for (const { labels, value } of samples) this.set({ ...labels }, value)
    },
  })
}

const placeLabels = ['group', 'topic', 'partition']

const processorGauges: Readonly<Record<string, readonly [string, (progress: Readonly<RunnerProgress>) => number]>> = {
  records_total: ['Records folded since start', (one) => one.records],
  repeats_total: ['Records dropped because their producer had repeated them', (one) => one.repeats],
  dead_letters_total: ['Records refused since start', (one) => one.deadLetters],
  retries_total: ['Operations tried again since start', (one) => one.retries],
  checkpoint_failures_total: ['Checkpoints that could not be stored since start', (one) => one.checkpointFailures],
  next_offset: ['Next input offset', (one) => one.next],
  checkpoint_offset: ['Next input offset of the newest checkpoint', (one) => one.checkpointed],
}

export function roleMetrics(registry: Registry, roles: readonly RunningRole[]): void {
  const progress = () => roles.flatMap((role) => role.progress())
  for (const [name, [help, read]] of Object.entries(processorGauges)) {
    readGauge(registry, `learning_processor_${name}`, help, placeLabels, () =>
      progress().map((one) => ({ labels: labelsOf(one), value: read(one) })),
    )
  }
  const qualities = () => roles.flatMap((role) => role.quality?.() ?? [])
  if (!roles.some((role) => role.quality)) return
  const byHead = (name: string, help: string, read: (quality: LearningQuality) => Readonly<Record<string, number>>) =>
    readGauge(registry, `learning_${name}`, help, ['head'], () =>
      qualities().flatMap((one) => Object.entries(read(one)).map(([head, value]) => ({ labels: { head }, value }))),
    )
  byHead('auc', 'Progressive AUC over the newest examples', (one) => one.auc)
  byHead('log_loss', 'Progressive log loss over the newest examples', (one) => one.logLoss)
  readGauge(registry, 'learning_examples_total', 'Examples learned', [], () =>
    qualities().map((one) => ({ labels: {}, value: one.examplesTrained })),
  )
}

function labelsOf({ group, topic, partition }: Readonly<RunnerProgress>): Record<string, string> {
  return { group, topic, partition: String(partition) }
}
