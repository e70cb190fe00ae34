// freshet model promote: another model from the next start on, of a run or of one that ran before.
import { resolve } from 'node:path'
import { FreshetError } from '../../../../streams/runtime/errors.ts'
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
    return [{ model: event.model, eventId: event.eventId, from }, `${event.model} runs from the next start on${begins}`]
  })
}
