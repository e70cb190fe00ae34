// freshet model promote: another model from the next start on, of a run or of one that ran before.
import { resolve } from 'node:path'
import { FreshetError } from '../../../../streams/runtime/errors.ts'
import { readBlobs } from '../../../processes/blob-folder.ts'
import { otherFeatures } from '../../../processes/model-features.ts'
import { modelSetup } from '../../../processes/model-setup.ts'
import { withModel } from '../../../processes/promoted-model.ts'
import { promoteKnown, promoteRun } from '../../model-promotion.ts'
import { type Options, onModelLog, promotionSources } from './on-model-log.ts'

export async function promote(options: Options): Promise<void> {
  const { run, model } = options
  if ((run === undefined) === (model === undefined)) {
    throw new FreshetError(
      'usage',
      'model promote: add --run FOLDER of a run, or --model NAME of a model that ran before',
    )
  }
  await onModelLog(options, async (log, config) => {
    const sources = promotionSources(log, config)
    const { event, from } =
      run === undefined
        ? await promoteKnown(String(model), config, sources)
        : await promoteRun(resolve(String(run)), config, sources)
    const begins =
      run === undefined ? '' : from === null ? ', learning all that the log holds' : `, learning on from ${from}`
    const misfit = await otherFeatures(modelSetup(await withModel(config, event.model)), readBlobs(config))
    const warning = misfit === null ? '' : `\nnot as things are, though: ${misfit}`
    return [
      { model: event.model, eventId: event.eventId, from, misfit },
      `${event.model} runs from the next start on${begins}${warning}`,
    ]
  })
}
