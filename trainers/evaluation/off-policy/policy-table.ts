// A policy that depends on a context alone, as probabilities of actions: uniform, given, or counted from the policy's own log. Says
// what share of it another log covers.
import { FreshetError } from '../../../streams/runtime/errors.ts'

/** Probability by action, by context. Each context's probabilities add up to 1. */
export type PolicyTable = ReadonlyMap<string, ReadonlyMap<string, number>>

/** What was drawn where; columns of equal length. A log without contexts has one, the same in all rows. */
export interface DrawnActions {
  readonly context: readonly string[]
  readonly action: readonly string[]
}

/** Every action of the log with the same probability, in every context. An action that the log never shows is not known here. */
export function uniformPolicy({ context, action }: DrawnActions): PolicyTable {
  const actions = new Set(action)
  const shares = new Map([...actions].map((name) => [name, 1 / actions.size]))
  return new Map([...new Set(context)].map((name) => [name, shares]))
}

/**
 * How often a policy draws each action in each context, counted in its own log. For a policy that changed while it was logged
 * this is its average over that time: the value estimated with it equals the log's own as far as rewards of an action did not
 * change along with it.
 */
export function countedPolicy({ context, action }: DrawnActions): PolicyTable {
  const counts = new Map<string, Map<string, number>>()
  for (let row = 0; row < action.length; row++) {
    const ofContext = counts.get(context[row]!) ?? new Map<string, number>()
    ofContext.set(action[row]!, (ofContext.get(action[row]!) ?? 0) + 1)
    counts.set(context[row]!, ofContext)
  }
  return new Map([...counts].map(([name, ofContext]) => [name, sharesOf(ofContext)]))
}

/** Given probabilities. Throws usage where one is out of range, given twice, or where those of a context do not add up to 1. */
export function givenPolicy(drawn: DrawnActions, probability: Float64Array): PolicyTable {
  const table = new Map<string, Map<string, number>>()
  for (let row = 0; row < probability.length; row++) {
    const share = probability[row]!
    const ofContext = table.get(drawn.context[row]!) ?? new Map<string, number>()
    const cell = `action ${drawn.action[row]} in context ${drawn.context[row] || 'all'}`
    if (!(share >= 0 && share <= 1)) {
      throw new FreshetError('usage', `${cell} has probability ${share}: give numbers from 0 to 1`)
    }
    if (ofContext.has(drawn.action[row]!)) throw new FreshetError('usage', `${cell} is given twice: give it once`)
    ofContext.set(drawn.action[row]!, share)
    table.set(drawn.context[row]!, ofContext)
  }
  for (const [name, ofContext] of table) {
    const total = [...ofContext.values()].reduce((sum, share) => sum + share, 0)
    if (Math.abs(total - 1) <= 1e-3) continue
    throw new FreshetError(
      'usage',
      `the target's probabilities in context ${name || 'all'} add up to ${total}: make it 1`,
    )
  }
  return table
}

/** Target's probability of each drawn action, by row; 0 where the target never draws it. Throws usage on a context it lacks. */
export function targetPropensities(target: PolicyTable, { context, action }: DrawnActions): Float64Array {
  return Float64Array.from(action, (name, row) => {
    const ofContext = target.get(context[row]!)
    if (ofContext) return ofContext.get(name) ?? 0
    throw new FreshetError(
      'usage',
      `the target says nothing of context ${context[row]}: give its probabilities there too`,
    )
  })
}

export interface Coverage {
  /** Share of what the target draws, in the log's contexts, that the log never shows in that context. */
  readonly uncoveredShare: number
  /** The most probable of those actions, with the share each has. */
  readonly examples: readonly string[]
}

const examplesMax = 3

export function coverageOf(target: PolicyTable, { context, action }: DrawnActions): Coverage {
  const seen = new Map<string, { rows: number; actions: Set<string> }>()
  for (let row = 0; row < action.length; row++) {
    const cell = seen.get(context[row]!) ?? { rows: 0, actions: new Set<string>() }
    cell.rows++
    cell.actions.add(action[row]!)
    seen.set(context[row]!, cell)
  }
  const missing: { name: string; share: number }[] = []
  for (const [name, { rows, actions }] of seen) {
    for (const [drawn, share] of target.get(name) ?? []) {
      if (share === 0 || actions.has(drawn)) continue
      missing.push({ name: `${drawn} in ${name || 'all'}`, share: (share * rows) / action.length })
    }
  }
  missing.sort((left, right) => right.share - left.share)
  return {
    uncoveredShare: missing.reduce((sum, { share }) => sum + share, 0),
    examples: missing.slice(0, examplesMax).map(({ name, share }) => `${name} (${percent(share)})`),
  }
}

/** Throws usage where more of the target than `uncoveredShareMax` is nowhere in the log. */
export function requireCoverage({ uncoveredShare, examples }: Coverage, uncoveredShareMax: number): void {
  if (uncoveredShare <= uncoveredShareMax) return
  const share = `${percent(uncoveredShare)} of the target's mass is not covered: the log never shows ${examples.join(', ')}`
  const remedy = 'log a policy that also takes those actions, or choose a target within what was logged'
  throw new FreshetError('usage', `${share}; ${remedy}`, { details: { uncoveredShare } })
}

const percent = (share: number): string => `${(100 * share).toFixed(2)} %`

function sharesOf(counts: ReadonlyMap<string, number>): ReadonlyMap<string, number> {
  const total = [...counts.values()].reduce((sum, count) => sum + count, 0)
  return new Map([...counts].map(([name, count]) => [name, count / total]))
}
