// Logged decisions and policies out of delimited text files of any shape, by the names of their columns.
import { FreshetError } from '../../streams/runtime/errors.ts'
import { cellPredictions } from '../../trainers/evaluation/off-policy/cell-reward-model.ts'
import type { LoggedDecisions } from '../../trainers/evaluation/off-policy/logged-decisions.ts'
import {
  countedPolicy,
  coverageOf,
  type DrawnActions,
  givenPolicy,
  type PolicyTable,
  requireCoverage,
  targetPropensities,
  uniformPolicy,
} from '../../trainers/evaluation/off-policy/policy-table.ts'
import { type BadRows, BadValue } from './import/bad-rows.ts'
import { plainDialect, readTable } from './import/text-table.ts'

export interface DecisionColumns {
  readonly reward: string
  readonly propensity: string
  readonly action: string
  /** Column of what the policy looked at (a place in a page); null: it looked at nothing. */
  readonly position: string | null
  readonly cluster: string | null
}

/**
 * What is estimated: every action equally often; probabilities in a file (columns: action, position where there is one,
 * `probability`); how often the policy drew each action in a log of its own; or a column of the log itself.
 */
export type Target =
  | { readonly kind: 'uniform' }
  | { readonly kind: 'table'; readonly path: string }
  | { readonly kind: 'log'; readonly path: string }
  | { readonly kind: 'column'; readonly column: string }

export interface ReadDecisions {
  readonly decisions: LoggedDecisions
  readonly uncoveredShare: number
  readonly bad: BadRows
}

/**
 * Throws usage where a file lacks a column, or the target reaches further out of the log than `uncoveredShareMax`. With a target of
 * tables the decisions carry predictions of a cell model, so that they can be estimated doubly robust.
 */
export async function readDecisions(
  path: string,
  columns: DecisionColumns,
  target: Target,
  uncoveredShareMax: number,
): Promise<ReadDecisions> {
  const bad: BadRows = new Map()
  const numbers = [columns.reward, columns.propensity, ...(target.kind === 'column' ? [target.column] : [])]
  const texts = [columns.action, columns.position, columns.cluster].map((name) => name ?? '')
  const log = await readColumns(path, numbers, texts, bad)
  const [reward, loggingPropensity, targetPropensity] = log.numbers.map((column) => Float64Array.from(column))
  const drawn: DrawnActions = { action: log.texts[0]!, context: log.texts[1]! }
  const cluster = columns.cluster === null ? {} : { cluster: numbered(log.texts[2]!) }
  const logged = { reward: reward!, loggingPropensity: loggingPropensity!, ...cluster }
  if (target.kind === 'column') {
    return { decisions: { ...logged, targetPropensity: targetPropensity! }, uncoveredShare: 0, bad }
  }
  const policy = await policyOf(target, columns, drawn, bad)
  const decisions = { ...logged, targetPropensity: targetPropensities(policy, drawn) }
  const coverage = coverageOf(policy, drawn)
  requireCoverage(coverage, uncoveredShareMax)
  const predictions = cellPredictions(drawn, logged.reward, policy, cluster.cluster)
  return { decisions: { ...decisions, ...predictions }, uncoveredShare: coverage.uncoveredShare, bad }
}

async function policyOf(
  target: Exclude<Target, { kind: 'column' }>,
  columns: DecisionColumns,
  drawn: DrawnActions,
  bad: BadRows,
): Promise<PolicyTable> {
  if (target.kind === 'uniform') return uniformPolicy(drawn)
  const isTable = target.kind === 'table'
  const numbers = isTable ? ['probability'] : []
  const { numbers: read, texts } = await readColumns(
    target.path,
    numbers,
    [columns.action, columns.position ?? ''],
    bad,
  )
  const ofTarget = { action: texts[0]!, context: texts[1]! }
  if (ofTarget.action.length === 0)
    throw new FreshetError('usage', `${target.path} has no rows: give a policy with some`)
  return isTable ? givenPolicy(ofTarget, Float64Array.from(read[0]!)) : countedPolicy(ofTarget)
}

interface Columns {
  readonly numbers: readonly number[][]
  readonly texts: readonly string[][]
}

/** A text column named '' is one that nobody asked for: it is empty in every row. */
async function readColumns(
  path: string,
  numberNames: readonly string[],
  textNames: readonly string[],
  bad: BadRows,
): Promise<Columns> {
  const numbers: number[][] = numberNames.map(() => [])
  const texts: string[][] = textNames.map(() => [])
  const rows = readTable<{ numbers: number[]; texts: string[] }>({
    path,
    dialect: plainDialect,
    bad,
    rowReader: (names) => {
      const numberPlaces = numberNames.map((name) => placeOf(path, names, name))
      const textPlaces = textNames.map((name) => (name === '' ? null : placeOf(path, names, name)))
      return (cells) => ({
        numbers: numberPlaces.map((place, index) => numberIn(cells[place]!, numberNames[index]!)),
        texts: textPlaces.map((place) => (place === null ? '' : cells[place]!)),
      })
    },
  })
  for await (const row of rows) {
    for (const [index, value] of row.numbers.entries()) numbers[index]!.push(value)
    for (const [index, value] of row.texts.entries()) texts[index]!.push(value)
  }
  return { numbers, texts }
}

function placeOf(path: string, names: readonly string[], name: string): number {
  const place = names.indexOf(name)
  if (place >= 0) return place
  throw new FreshetError('usage', `${path} has no column ${name}; name one of ${names.slice(0, 40).join(', ')}`)
}

function numberIn(text: string, column: string): number {
  const value = Number(text)
  if (text.trim() === '' || !Number.isFinite(value)) throw new BadValue(`${column} is no number`)
  return value
}

function numbered(names: readonly string[]): Int32Array {
  const numberByName = new Map<string, number>()
  return Int32Array.from(names, (name) => {
    const known = numberByName.get(name) ?? numberByName.size
    numberByName.set(name, known)
    return known
  })
}
