// How well a batch was predicted before it was learned: what the guards of publication look at.
import type { BatchQuality } from '../schemas/generated.ts'
import { headIndex, heads } from '../schemas/labels.ts'
import { pointLogLoss } from './evaluation/log-loss.ts'
import type { TrainingRow } from './training-row.ts'

/** The head that is guarded: it has a label for every view and learns fastest. */
const guardedHead = headIndex.longView

export const noQuality: BatchQuality = { examples: 0, logLoss: 0, positives: 0, nonFinite: 0 }

/** `predictions` are rows x heads. Corrections were predicted before and do not count, nor do rows without the label. */
export function batchQuality(
  rows: readonly TrainingRow[],
  predictions: Float32Array,
  gradientsNonFinite: number,
): BatchQuality {
  let [examples, logLoss, positives, nonFinite] = [0, 0, 0, gradientsNonFinite]
  for (let index = 0; index < predictions.length; index++) if (!Number.isFinite(predictions[index]!)) nonFinite++
  for (const [rowIndex, { isFirst, after }] of rows.entries()) {
    const label = after[guardedHead]!
    const prediction = predictions[rowIndex * heads.length + guardedHead]!
    if (!isFirst || Number.isNaN(label) || !Number.isFinite(prediction)) continue
    examples++
    logLoss += pointLogLoss(prediction, label)
    positives += label
  }
  return { examples, logLoss, positives, nonFinite }
}

export function qualitySum(left: BatchQuality, right: BatchQuality): BatchQuality {
  return {
    examples: left.examples + right.examples,
    logLoss: left.logLoss + right.logLoss,
    positives: left.positives + right.positives,
    nonFinite: left.nonFinite + right.nonFinite,
  }
}
