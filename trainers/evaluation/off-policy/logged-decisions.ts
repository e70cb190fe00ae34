// A log of decisions as columns of equal length, with only numbers in it that an estimator can use: anything else is refused with
// the row and the remedy.
import { FreshetError } from '../../../streams/runtime/errors.ts'

/**
 * Columns of n rows, one row a decision: of the actions open in context x_i the logging policy drew a_i, and r_i came back.
 *
 * `actionPrediction` and `targetPrediction` come from a model of the reward that did not learn from the row itself, else their
 * estimates are too sure of themselves (cross-fit them: `cell-reward-model.ts`).
 */
export interface LoggedDecisions {
  /** r_i, any finite number, in the unit of the answer. */
  readonly reward: Float64Array
  /** mu(a_i | x_i), above 0 and at most 1: with what chance the logging policy drew what it drew. */
  readonly loggingPropensity: Float64Array
  /** pi(a_i | x_i), 0 to 1: with what chance the target policy would have drawn the same. */
  readonly targetPropensity: Float64Array
  /** Predicted reward of the drawn action. */
  readonly actionPrediction?: Float64Array
  /** Predicted reward of the target policy in this context: the sum over actions of pi(a | x_i) times the predicted reward. */
  readonly targetPrediction?: Float64Array
  /** Rows with the same number depend on one another (one user, one page). Without it every row stands alone. */
  readonly cluster?: Int32Array
}

/** With both predictions, as the direct and the doubly robust estimators need them. */
export type PredictedDecisions = LoggedDecisions &
  Required<Pick<LoggedDecisions, 'actionPrediction' | 'targetPrediction'>>

/** Throws usage on unequal lengths, on fewer than two rows, and at the first number that cannot be. O(n). */
export function requireUsable(decisions: LoggedDecisions): void {
  const { reward, loggingPropensity, targetPropensity } = decisions
  const rows = reward.length
  for (const [name, column] of Object.entries(decisions) as [string, ArrayLike<number>][]) {
    if (column.length === rows) continue
    throw new FreshetError('usage', `${name} has ${column.length} rows, reward ${rows}: give columns of equal length`)
  }
  if (rows < 2) throw new FreshetError('usage', `${rows} logged decisions tell nothing: give a longer log`)
  for (let row = 0; row < rows; row++) {
    const logged = loggingPropensity[row]!
    if (!(logged > 0 && logged <= 1)) throw wrongLogging(row, logged, loggingPropensity)
    const target = targetPropensity[row]!
    if (!(target >= 0 && target <= 1)) {
      throw new FreshetError('usage', `row ${row}: target propensity ${target}; give probabilities from 0 to 1`)
    }
    for (const column of [reward, decisions.actionPrediction, decisions.targetPrediction]) {
      if (column && !Number.isFinite(column[row])) {
        throw new FreshetError(
          'usage',
          `row ${row}: ${column[row]} is no number; leave out rows whose reward is unknown`,
        )
      }
    }
  }
}

/** Throws usage where a prediction is missing. */
export function requirePredictions(decisions: LoggedDecisions): asserts decisions is PredictedDecisions {
  if (decisions.actionPrediction && decisions.targetPrediction) return
  const both = 'predictions of the logged action and of the target policy'
  throw new FreshetError('usage', `the direct and the doubly robust estimate need ${both}: give both columns`)
}

function wrongLogging(row: number, logged: number, column: Float64Array): FreshetError {
  const wrong = column.reduce((count, value) => count + Number(!(value > 0 && value <= 1)), 0)
  const why = 'an action that was drawn had a chance above 0 and at most 1'
  const remedy = 'log the chance with which each action was drawn, or leave these rows out and say so'
  return new FreshetError(
    'usage',
    `row ${row}: logging propensity ${logged} (${wrong} such rows of ${column.length}); ${why}: ${remedy}`,
  )
}
