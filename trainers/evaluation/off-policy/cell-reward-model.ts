// The plainest model of a reward, for the direct and the doubly robust estimate: the mean of each action in each context, shrunk, and
// never learned from the row that it predicts.
import type { DrawnActions, PolicyTable } from './policy-table.ts'

const foldCount = 5
/** So many rows the context's mean counts as beside a cell's own. */
const priorRows = 20

export interface CellPredictions {
  /** Predicted reward of the drawn action, by row. */
  readonly actionPrediction: Float64Array
  /** Predicted reward of the target policy in the row's context, by row. */
  readonly targetPrediction: Float64Array
}

/**
 * Cross-fitted (Chernozhukov et al. 2018): rows fall into five folds, by cluster where given, and each is predicted from the other
 * four. Contexts must all be in the target.
 */
export function cellPredictions(
  drawn: DrawnActions,
  reward: Float64Array,
  target: PolicyTable,
  cluster?: Int32Array,
): CellPredictions {
  const rows = reward.length
  const actionPrediction = new Float64Array(rows)
  const targetPrediction = new Float64Array(rows)
  const foldOf = (row: number): number => (cluster ? Math.abs(cluster[row]!) : row) % foldCount
  for (let fold = 0; fold < foldCount; fold++) {
    const means = new CellMeans()
    for (let row = 0; row < rows; row++) {
      if (foldOf(row) !== fold) means.add(drawn.context[row]!, drawn.action[row]!, reward[row]!)
    }
    const targetByContext = new Map<string, number>()
    for (const [context, shares] of target) {
      const value = [...shares].reduce((sum, [action, share]) => sum + share * means.of(context, action), 0)
      targetByContext.set(context, value)
    }
    for (let row = 0; row < rows; row++) {
      if (foldOf(row) !== fold) continue
      actionPrediction[row] = means.of(drawn.context[row]!, drawn.action[row]!)
      targetPrediction[row] = targetByContext.get(drawn.context[row]!)!
    }
  }
  return { actionPrediction, targetPrediction }
}

/** Means of cells, shrunk to their context's, that to the mean of all. */
class CellMeans {
  private readonly all = new RunningSum()
  private readonly byContext = new Map<string, { total: RunningSum; byAction: Map<string, RunningSum> }>()

  add(context: string, action: string, reward: number): void {
    const ofContext = this.byContext.get(context) ?? { total: new RunningSum(), byAction: new Map() }
    this.byContext.set(context, ofContext)
    const cell = ofContext.byAction.get(action) ?? new RunningSum()
    ofContext.byAction.set(action, cell)
    for (const sum of [this.all, ofContext.total, cell]) sum.add(reward)
  }

  of(context: string, action: string): number {
    const ofContext = this.byContext.get(context)
    const prior = this.all.shrunkTo(0, 0)
    const mean = ofContext?.total.shrunkTo(prior, priorRows) ?? prior
    return ofContext?.byAction.get(action)?.shrunkTo(mean, priorRows) ?? mean
  }
}

class RunningSum {
  private sum = 0
  private rows = 0

  add(value: number): void {
    this.sum += value
    this.rows++
  }

  shrunkTo(prior: number, strength: number): number {
    const rows = this.rows + strength
    return rows === 0 ? prior : (this.sum + prior * strength) / rows
  }
}
