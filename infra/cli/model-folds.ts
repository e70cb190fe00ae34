// The folds that a command is asked about: of every bucket, of one model, or of one bucket.
import { countsModel } from '../../schemas/topics.ts'
import { FreshetError } from '../../streams/runtime/errors.ts'
import type { Config } from '../config/config.ts'
import type { ModelSetup } from '../processes/model-setup.ts'
import { type ParameterFold, parameterFolds } from '../processes/parameter-folds.ts'

/** By the options `model` and `bucket`. Throws usage for one that there is not. */
export function foldsOf(config: Config, setup: ModelSetup, options: Record<string, unknown>): ParameterFold[] {
  const all = parameterFolds(config, setup)
  const model = options.model === undefined ? null : String(options.model)
  const bucket = options.bucket === undefined ? null : String(options.bucket)
  if (model !== null && !all.some((fold) => fold.model === model)) {
    throw new FreshetError('usage', `there is no model ${model}; write ${setup.spec.model} or ${countsModel}`)
  }
  const found = all.filter(
    (fold) => (model === null || fold.model === model) && (bucket === null || String(fold.bucket) === bucket),
  )
  if (found.length > 0) return found
  throw new FreshetError(
    'usage',
    `there is no bucket ${bucket}; write 0 to ${Math.max(...all.map((one) => one.bucket))}`,
  )
}
