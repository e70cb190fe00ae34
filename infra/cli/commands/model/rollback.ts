// freshet model rollback: the model as it was at an earlier position, by an event that a restart does not undo.
import { FreshetError } from '../../../../streams/runtime/errors.ts'
import { systemRuntime } from '../../../../streams/runtime/system-runtime.ts'
import { readBlobs } from '../../../processes/blob-folder.ts'
import { modelSetup } from '../../../processes/model-setup.ts'
import { withPromotedModel } from '../../../processes/promoted-model.ts'
import { foldsOf, shadowFolds } from '../../model-folds.ts'
import { rollBack } from '../../model-rollback.ts'
import { parsePosition } from '../../position.ts'
import { type Options, onModelLog } from './on-model-log.ts'

export async function rollback(options: Options): Promise<void> {
  if (options.to === undefined) {
    throw new FreshetError('usage', 'model rollback: add --to POSITION, e.g. ts=2026-11-21T10:00Z, last=1h or latest')
  }
  const position = parsePosition(String(options.to), Date.now())
  await onModelLog(options, async (log, configured) => {
    const config = await withPromotedModel(log, configured)
    const setup = modelSetup(config)
    const model = options.model === undefined ? setup.spec.model : String(options.model)
    const folds = foldsOf(config, setup, { model }, await shadowFolds(config, log))
    const event = await rollBack(model, folds, position, { log, blobs: readBlobs(config), runtime: systemRuntime })
    const { eventId, offsets, until } = event
    const undone = Object.entries(until).reduce((sum, [place, end]) => sum + end - offsets[place]!, 0)
    const words =
      undone === 0
        ? `${model}: nothing is undone; what was held back is published`
        : `${model}: ${undone.toLocaleString('en')} inputs of ${folds.length} buckets do not count any more`
    return [{ model, eventId, offsets, until, undone }, words]
  })
}
