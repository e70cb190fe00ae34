// freshet model status: how the parameters stand. freshet model rollback: the model as it was at an earlier position, by an
// event that a restart does not undo.
import { FreshetError } from '../../../streams/runtime/errors.ts'
import { systemRuntime } from '../../../streams/runtime/system-runtime.ts'
import { readBlobs } from '../../processes/blob-folder.ts'
import { modelSetup } from '../../processes/model-setup.ts'
import { commandConfig } from '../command-config.ts'
import { openConfiguredLog } from '../command-log.ts'
import { foldsOf } from '../model-folds.ts'
import { rollBack } from '../model-rollback.ts'
import { modelBuckets } from '../model-status.ts'
import { type Output, output } from '../output.ts'
import { parsePosition } from '../position.ts'
import { tableText } from '../table-text.ts'

export async function run([action]: string[], options: Record<string, unknown>): Promise<void> {
  const out = output(options.json === true)
  if (action === 'status') await status(out, options)
  else if (action === 'rollback') await rollback(out, options)
  else throw new FreshetError('usage', `model ${action}: write model status, or model rollback --to POSITION`)
}

async function status(out: Output, options: Record<string, unknown>): Promise<void> {
  const config = commandConfig(options)
  const folds = foldsOf(config, modelSetup(config), options)
  const log = await openConfiguredLog(config)
  try {
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
    out.result({ buckets, held }, `${tableText(header, rows)}${advice}`)
  } finally {
    await log.close()
  }
}

async function rollback(out: Output, options: Record<string, unknown>): Promise<void> {
  if (options.to === undefined) {
    throw new FreshetError('usage', 'model rollback: add --to POSITION, e.g. ts=2026-11-21T10:00Z, last=1h or latest')
  }
  const config = commandConfig(options)
  const setup = modelSetup(config)
  const position = parsePosition(String(options.to), Date.now())
  const model = options.model === undefined ? setup.spec.model : String(options.model)
  const folds = foldsOf(config, setup, { model })
  const log = await openConfiguredLog(config)
  try {
    const event = await rollBack(model, folds, position, { log, blobs: readBlobs(config), runtime: systemRuntime })
    const { eventId, offsets, until } = event
    const undone = Object.entries(until).reduce((sum, [place, end]) => sum + end - offsets[place]!, 0)
    const words =
      undone === 0
        ? `${model}: nothing is undone; what was held back is published`
        : `${model}: ${undone.toLocaleString('en')} inputs of ${folds.length} buckets do not count any more`
    out.result({ model, eventId, offsets, until, undone }, words)
  } finally {
    await log.close()
  }
}
