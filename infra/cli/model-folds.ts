// The folds that a command is asked about: of every bucket, of one model, or of one bucket; shadow models among them where it
// says so.
import { countsModel } from '../../schemas/topics.ts'
import type { Log } from '../../streams/log/log.ts'
import { FreshetError } from '../../streams/runtime/errors.ts'
import type { Config } from '../config/config.ts'
import { type ModelSetup, modelSetup } from '../processes/model-setup.ts'
import { type ParameterFold, parameterFolds } from '../processes/parameter-folds.ts'
import { policiesInLog } from '../processes/policy-feed.ts'
import { withModel } from '../processes/promoted-model.ts'
import { shadowsAfter } from '../processes/shadow-models.ts'

/** By the options `model` and `bucket`. Throws usage for one that there is not. */
export function foldsOf(
  config: Config,
  setup: ModelSetup,
  options: Record<string, unknown>,
  shadows: readonly ParameterFold[] = [],
): ParameterFold[] {
  const all = [...parameterFolds(config, setup), ...shadows]
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

/** Folds of the models that are shadowed now. */
export async function shadowFolds(config: Config, log: Log): Promise<ParameterFold[]> {
  const shadows = shadowsAfter(await policiesInLog(log))
  // One without a spec does not learn either; whoever tells how well models learn says so.
  const configs = await Promise.all(shadows.map((model) => withModel(config, model).catch(() => null)))
  return configs.flatMap((of) => {
    if (of === null) return []
    const setup = modelSetup(of)
    return parameterFolds(of, setup).filter(({ model }) => model === setup.spec.model)
  })
}
