// What a worker thread tells Prometheus of its roles: how far each processor has come and how well learners predicted.
import { Gauge, type Registry } from 'prom-client'
import type { RunnerProgress } from '../../streams/processor/partition-runner.ts'
import type { HeadLead } from './paired-outcomes.ts'
import type { LearningQuality, RunningRole, ShadowQuality } from './running-role.ts'

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
  if (roles.some((role) => role.quality)) qualityMetrics(registry, roles)
  if (roles.some((role) => role.shadows)) shadowMetrics(registry, roles)
}

function qualityMetrics(registry: Registry, roles: readonly RunningRole[]): void {
  // The model that serves comes first.
  const qualities = (): LearningQuality[] => [
    ...roles.flatMap((role) => role.quality?.() ?? []),
    ...roles.flatMap((role) => role.shadows?.() ?? []),
  ]
  const byHead = (name: string, help: string, read: (quality: LearningQuality) => Readonly<Record<string, number>>) =>
    readGauge(registry, `learning_${name}`, help, ['model', 'head'], () =>
      qualities().flatMap((one) =>
        Object.entries(read(one)).map(([head, value]) => ({ labels: { model: one.model, head }, value })),
      ),
    )
  byHead('auc', 'Progressive AUC over the newest examples', (one) => one.auc)
  byHead('log_loss', 'Progressive log loss over the newest examples', (one) => one.logLoss)
  readGauge(registry, 'learning_examples_total', 'Examples learned', ['model'], () =>
    qualities().map((one) => ({ labels: { model: one.model }, value: one.examplesTrained })),
  )
}

const leadHelp: Readonly<Record<keyof HeadLead, readonly [string, string]>> = {
  outcomes: ['outcomes', 'Newest examples with a known label that shadow and serving model both predicted'],
  auc: ['auc_lead', "A shadow's AUC less that of the model that serves, over the same examples"],
  logLoss: ['log_loss_lead', "Log loss of the model that serves less a shadow's, over the same examples"],
  logLossError: ['log_loss_lead_error', 'Standard error of shadow_log_loss_lead, over users'],
}

function shadowMetrics(registry: Registry, roles: readonly RunningRole[]): void {
  const shadows = () => roles.flatMap((role) => role.shadows?.() ?? [])
  const each = (name: string, help: string, read: (one: ShadowQuality) => number): void =>
    readGauge(registry, `shadow_${name}`, help, ['model'], () =>
      shadows().map((one) => ({ labels: { model: one.model }, value: read(one) })),
    )
  each('running', '1: learns beside the model that serves; 0: could not go on', (one) => Number(one.running))
  each('failures_total', 'Times a shadow could not start or go on', (one) => one.failures)
  each('pairs_total', 'Examples that shadow and serving model both predicted', (one) => one.pairs)
  for (const [key, [name, help]] of Object.entries(leadHelp)) {
    readGauge(registry, `shadow_${name}`, help, ['model', 'head'], () =>
      shadows().flatMap(({ model, lead }) =>
        Object.entries(lead).map(([head, one]) => ({ labels: { model, head }, value: one[key as keyof HeadLead] })),
      ),
    )
  }
}

function labelsOf({ group, topic, partition }: Readonly<RunnerProgress>): Record<string, string> {
  return { group, topic, partition: String(partition) }
}
