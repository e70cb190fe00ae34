// How well the models that learn predicted before they learned, as the running process tells: the one that serves, and each
// shadow beside it over the same examples.
import { samplesOf } from '../processes/metrics-text.ts'
import type { HeadLead } from '../processes/paired-outcomes.ts'
import { readRunning } from '../processes/running-file.ts'
import { tableText } from './table-text.ts'

export interface ModelLearner {
  readonly model: string
  readonly role: 'serves' | 'shadow'
  /** False: a shadow that could not start or go on. */
  readonly running: boolean
  /** Times that happened, since the process started. */
  readonly failures: number
  /** Learned since the process started. */
  readonly examples: number
  /** Over its newest examples, by head; null where there are too few of one kind. */
  readonly auc: Readonly<Record<string, number | null>>
  readonly logLoss: Readonly<Record<string, number | null>>
  /** Of a shadow: examples that the model that serves predicted too, and by head how far it is ahead on the newest of them. */
  readonly pairs: number
  readonly lead: Readonly<Record<string, Readonly<Record<keyof HeadLead, number | null>>>>
}

/** Of the process of this data folder; none where nobody learns in lockstep there. The model that serves comes first. */
export async function modelLearners(dataDir: string): Promise<ModelLearner[]> {
  const running = readRunning(dataDir)
  if (running === null) return []
  const text = await fetch(running.metrics)
    .then((response) => response.text())
    .catch(() => '')
  return learnersIn(text)
}

function learnersIn(text: string): ModelLearner[] {
  const of = (name: string, model: string) =>
    samplesOf(text, `freshet_${name}`).filter(({ labels }) => labels.get('model') === model)
  const one = (name: string, model: string): number | undefined => of(name, model)[0]?.value
  const byHead = (name: string, model: string): Record<string, number | null> =>
    Object.fromEntries(of(name, model).map(({ labels, value }) => [labels.get('head')!, finite(value)]))
  return samplesOf(text, 'freshet_learning_examples_total').map(({ labels, value }) => {
    const model = labels.get('model')!
    const running = one('shadow_running', model)
    const [outcomes, auc] = [byHead('shadow_outcomes', model), byHead('shadow_auc_lead', model)]
    const logLoss = byHead('shadow_log_loss_lead', model)
    const logLossError = byHead('shadow_log_loss_lead_error', model)
    const lead = Object.keys(outcomes).map((head) => {
      const ofHead = { outcomes: outcomes[head]!, auc: auc[head] ?? null, logLoss: logLoss[head] ?? null }
      return [head, { ...ofHead, logLossError: logLossError[head] ?? null }] as const
    })
    return {
      model,
      role: running === undefined ? 'serves' : 'shadow',
      running: running !== 0,
      failures: one('shadow_failures_total', model) ?? 0,
      examples: value,
      auc: byHead('learning_auc', model),
      logLoss: byHead('learning_log_loss', model),
      pairs: one('shadow_pairs_total', model) ?? 0,
      lead: Object.fromEntries(lead),
    }
  })
}

/** Heads that a person decides by; the rest is in the JSON. */
const shownHeads = ['complete', 'longView', 'like', 'earlySkip']

const since =
  'learned: examples since this process started. AUC and log loss: of the newest examples before each was learned, also of those ' +
  'before the start, as the checkpoint kept them.'

export function learnersText(learners: readonly ModelLearner[]): string {
  const live = learners.find(({ role }) => role === 'serves')
  const rows = learners.flatMap(({ model, role, running, examples, auc, logLoss }) =>
    shownHeads.map((head) => [
      model,
      running ? role : `${role}, failed`,
      examples.toLocaleString('en'),
      head,
      shown(auc[head]),
      shown(logLoss[head]),
    ]),
  )
  const shadows = learners.filter(({ role }) => role === 'shadow')
  const parts = [tableText(['model', 'role', 'learned', 'head', 'AUC', 'log loss'], rows), since]
  for (const shadow of shadows) parts.push(leadText(shadow, live?.model ?? ''))
  return parts.join('\n\n')
}

function leadText({ model, pairs, lead }: ModelLearner, live: string): string {
  if (pairs === 0) return `${model} and ${live} have predicted no example both as yet`
  const rows = shownHeads.map((head) => {
    const { outcomes, auc, logLoss, logLossError } = lead[head] ?? { outcomes: 0, auc: null, logLoss: null }
    const reach = logLossError == null ? null : 1.96 * logLossError
    const verdict =
      logLoss === null || reach === null || Math.abs(logLoss) <= reach ? 'noise' : logLoss > 0 ? 'ahead' : 'behind'
    return [head, (outcomes ?? 0).toLocaleString('en'), signed(auc), `${signed(logLoss)} +- ${shown(reach)}`, verdict]
  })
  const header = ['head', 'same examples', 'AUC ahead by', 'log loss ahead by', '']
  return `${model} against ${live}, on the same examples\n${tableText(header, rows)}`
}

function finite(value: number): number | null {
  return Number.isFinite(value) ? value : null
}

function shown(value: number | null | undefined): string {
  return value == null ? '-' : value.toFixed(4)
}

function signed(value: number | null): string {
  return value === null ? '-' : `${value < 0 ? '' : '+'}${value.toFixed(4)}`
}
