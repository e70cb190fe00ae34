// freshet model shadow: a model that begins to learn beside the one that serves, or ends.
import { resolve } from 'node:path'
import { FreshetError } from '../../../../streams/runtime/errors.ts'
import { endShadow, shadowKnown, shadowRun, shadowSpec } from '../../model-shadow.ts'
import { type Options, onModelLog, promotionSources } from './on-model-log.ts'

export async function shadow(options: Options): Promise<void> {
  const { run, spec, model, end } = options
  if ([run, spec, model, end].filter((one) => one !== undefined).length !== 1) {
    throw new FreshetError(
      'usage',
      'model shadow: add --run FOLDER of a run, --spec FILE of a new model, --model NAME of one that ran before, or --end NAME',
    )
  }
  await onModelLog(options, async (log, config) => {
    const sources = promotionSources(log, config)
    if (end !== undefined) {
      const event = await endShadow(String(end), sources)
      const words = `${event.model} does not learn any more; what it learned stays`
      return [{ model: event.model, eventId: event.eventId, ended: true }, words]
    }
    const { event, from } =
      run !== undefined
        ? await shadowRun(resolve(String(run)), config, sources)
        : spec !== undefined
          ? await shadowSpec(resolve(String(spec)), config, sources)
          : await shadowKnown(String(model), config, sources)
    const where = model !== undefined ? '' : from === null ? ', from all that the log holds' : `, from ${from} on`
    const words = `${event.model} learns beside the model that serves${where}; freshet model status compares them`
    return [{ model: event.model, eventId: event.eventId, from, ended: false }, words]
  })
}
