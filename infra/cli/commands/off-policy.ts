// freshet off-policy: what another policy would have earned, from a log that holds the chances with which it drew.
import { type Head, heads } from '../../../schemas/labels.ts'
import { FreshetError } from '../../../streams/runtime/errors.ts'
import {
  type PolicyValue,
  policyValue,
  type ValueEstimate,
} from '../../../trainers/evaluation/off-policy/policy-value.ts'
import { openCommandLog } from '../command-log.ts'
import { describeBadRows } from '../import/bad-rows.ts'
import { explorationDecisions, readExamples } from '../off-policy-examples.ts'
import { readDecisions, type Target } from '../off-policy-files.ts'
import { type Output, output } from '../output.ts'
import { parsePosition } from '../position.ts'
import { tableText } from '../table-text.ts'

/** Below this many rows that carry the variance, intervals were measured to hold the truth less often than they say. */
const carriersMin = 5

export async function run(_: string[], options: Record<string, unknown>): Promise<void> {
  const out = output(options.json === true)
  const weightMax = options.clip === undefined ? Number.POSITIVE_INFINITY : numberOf(options.clip, '--clip', 1, 1e12)
  const value = options.from ? await overExamples(options, weightMax) : await overFile(options, weightMax, out)
  const warnings = warningsOf(value)
  const { weightMax: used, ...shown } = value
  out.result({ ...shown, weightMax: Number.isFinite(used) ? used : null, warnings }, words(value, warnings))
}

async function overFile(options: Record<string, unknown>, weightMax: number, out: Output): Promise<PolicyValue> {
  for (const name of ['csv', 'reward', 'propensity', 'action']) {
    if (options[name]) continue
    const remedy = 'give --csv, --reward, --propensity, --action and a target, or --from for the examples of the log'
    throw new FreshetError('usage', `--${name} is missing; ${remedy}`)
  }
  const columns = {
    reward: String(options.reward),
    propensity: String(options.propensity),
    action: String(options.action),
    position: options.position ? String(options.position) : null,
    cluster: options.cluster ? String(options.cluster) : null,
  }
  const uncoveredMax = numberOf(options.uncoveredMax, '--uncovered-max', 0, 1)
  const read = await readDecisions(String(options.csv), columns, targetOf(options), uncoveredMax)
  for (const complaint of describeBadRows(read.bad)) out.say(complaint)
  return policyValue(read.decisions, { weightMax, uncoveredShare: read.uncoveredShare })
}

async function overExamples(options: Record<string, unknown>, weightMax: number): Promise<PolicyValue> {
  const nowMs = Date.now()
  const from = parsePosition(String(options.from), nowMs)
  const to = parsePosition(String(options.to), nowMs)
  const exploration = {
    head: headOf(options.head),
    epsilon: numberOf(options.epsilon, '--epsilon', 1e-6, 1 - 1e-6),
    epsilonTarget: numberOf(options.targetEpsilon, '--target-epsilon', 0, 1),
    warmExamples: numberOf(options.warmExamples, '--warm-examples', 0, 1e9),
  }
  const log = await openCommandLog(options)
  const examples = await readExamples(log, from, to).finally(() => log.close())
  return policyValue(explorationDecisions(examples, exploration), { weightMax })
}

function targetOf({ target, targetLog, targetPropensity }: Record<string, unknown>): Target {
  const given = [target, targetLog, targetPropensity].filter((value) => value !== undefined)
  if (given.length !== 1) {
    const forms = '--target uniform, --target FILE, --target-log FILE or --target-propensity COLUMN'
    throw new FreshetError('usage', `a log is judged for one target, ${given.length} are given: write one of ${forms}`)
  }
  if (targetPropensity !== undefined) return { kind: 'column', column: String(targetPropensity) }
  if (targetLog !== undefined) return { kind: 'log', path: String(targetLog) }
  return target === 'uniform' ? { kind: 'uniform' } : { kind: 'table', path: String(target) }
}

function headOf(text: unknown): Head {
  const head = heads.find((name) => name === text)
  if (head) return head
  throw new FreshetError('usage', `there is no label ${String(text)}: --head is one of ${heads.join(', ')}`)
}

function numberOf(text: unknown, option: string, least: number, most: number): number {
  const value = Number(text)
  if (text !== undefined && text !== '' && value >= least && value <= most) return value
  const given = text === undefined ? 'missing' : String(text)
  throw new FreshetError('usage', `${option} is ${given}: write a number from ${least} to ${most}`)
}

function warningsOf(value: PolicyValue): string[] {
  const warnings: string[] = []
  for (const [name, estimate] of estimatesOf(value)) {
    if (name === 'direct') continue
    if (estimate.interval === null) warnings.push(`${name}: every reward is the same, so there is no interval`)
    else if (estimate.carriers < carriersMin) {
      const few = `${estimate.carriers.toFixed(1)} rows carry its interval`
      warnings.push(`${name}: ${few}; take it as too narrow, clip, or log more`)
    }
  }
  return warnings
}

function estimatesOf(value: PolicyValue): [string, ValueEstimate][] {
  const { ips, selfNormalised, direct, doublyRobust } = value
  const all: [string, ValueEstimate | null][] = Object.entries({ ips, selfNormalised, doublyRobust, direct })
  return all.filter((entry): entry is [string, ValueEstimate] => entry[1] !== null)
}

function words(value: PolicyValue, warnings: readonly string[]): string {
  const rows = estimatesOf(value).map(([name, { value: mean, interval, biasMax }]) => [
    name,
    mean.toPrecision(4),
    interval ? `${interval[0].toPrecision(4)} to ${interval[1].toPrecision(4)}` : '-',
    Number.isNaN(biasMax) ? '-' : biasMax.toPrecision(3),
  ])
  const size = `${value.rows} decisions in ${value.clusters} clusters, worth ${value.effectiveSampleSize.toFixed(0)} of the target's own`
  const weights = `mean weight ${value.meanWeight.toFixed(3)} +- ${value.meanWeightStandardError.toFixed(3)}, ${value.clipped} clipped`
  const logged = `logged mean ${value.loggedMean.toPrecision(4)}`
  const table = tableText(['estimate', 'value', '95 % interval', 'bias up to'], rows)
  return [`${size}; ${weights}; ${logged}`, '', table, ...warnings].join('\n')
}
