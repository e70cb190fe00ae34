// freshet model status: how the parameters of each bucket stand, what is held back, and how shadows compare.
import { systemRuntime } from '../../../../streams/runtime/system-runtime.ts'
import { readBlobs } from '../../../processes/blob-folder.ts'
import { otherFeatures } from '../../../processes/model-features.ts'
import { modelSetup } from '../../../processes/model-setup.ts'
import { withPromotedModel } from '../../../processes/promoted-model.ts'
import { foldsOf, shadowFolds } from '../../model-folds.ts'
import { learnersText, modelLearners } from '../../model-learners.ts'
import { modelBuckets } from '../../model-status.ts'
import { tableText } from '../../table-text.ts'
import { type Options, onModelLog } from './on-model-log.ts'

export function status(options: Options): Promise<void> {
  return onModelLog(options, async (log, configured) => {
    const config = await withPromotedModel(log, configured)
    const setup = modelSetup(config)
    const misfit = await otherFeatures(setup, readBlobs(config))
    const folds = foldsOf(config, setup, options, await shadowFolds(config, log))
    const all = await modelLearners(config.dataDir)
    const learners = all.filter(({ model }) => options.model === undefined || model === options.model)
    const buckets = await modelBuckets(folds, { config, log, blobs: readBlobs(config), runtime: systemRuntime })
    const held = buckets.filter((bucket) => bucket.held !== null).length
    const rows = buckets.map((one) => [
      one.model,
      one.bucket,
      one.owner ?? '',
      one.version,
      one.lineage,
      one.next,
      one.held?.reason ?? '',
      one.live ? 'owner' : 'checkpoint',
    ])
    const header = ['model', 'bucket', 'owner', 'version', 'lineage', 'next offset', 'held', 'as told by']
    const advice = held > 0 ? '\n\nheld: freshet model rollback --to ts=... undoes, --to latest publishes as it is' : ''
    const quality = learners.length > 0 ? `\n\n${learnersText(learners)}` : ''
    const warning = misfit === null ? '' : `\n\n${misfit}`
    return [{ buckets, held, learners, misfit }, `${tableText(header, rows)}${advice}${quality}${warning}`]
  })
}
