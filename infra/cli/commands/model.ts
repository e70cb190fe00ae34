// freshet model status: how the parameters stand. freshet model rollback: the model as it was at an earlier position; promote:
// another model from the next start on; shadow: a model that learns beside it. All by events that a restart does not undo.
import { resolve } from 'node:path'
import { FreshetError } from '../../../streams/runtime/errors.ts'
import { systemRuntime } from '../../../streams/runtime/system-runtime.ts'
import { readBlobs, writtenBlobs } from '../../processes/blob-folder.ts'
import { modelSetup } from '../../processes/model-setup.ts'
import { withPromotedModel } from '../../processes/promoted-model.ts'
import { commandConfig } from '../command-config.ts'
import { openConfiguredLog } from '../command-log.ts'
import { foldsOf, shadowFolds } from '../model-folds.ts'
import { learnersText, modelLearners } from '../model-learners.ts'
import { promoteKnown, promoteRun } from '../model-promotion.ts'
import { rollBack } from '../model-rollback.ts'
import { endShadow, shadowKnown, shadowRun, shadowSpec } from '../model-shadow.ts'
import { modelBuckets } from '../model-status.ts'
import { type Output, output } from '../output.ts'
import { parsePosition } from '../position.ts'
import { tableText } from '../table-text.ts'

export async function run([action]: string[], options: Record<string, unknown>): Promise<void> {
  const out = output(options.json === true)
  if (action === 'status') await status(out, options)
  else if (action === 'rollback') await rollback(out, options)
  else if (action === 'promote') await promote(out, options)
  else if (action === 'shadow') await shadow(out, options)
  else {
    const remedy =
      'write model status, model rollback --to POSITION, model shadow --run FOLDER or model promote --run FOLDER'
    throw new FreshetError('usage', `model ${action}: ${remedy}`)
  }
}

async function status(out: Output, options: Record<string, unknown>): Promise<void> {
  const configured = commandConfig(options)
  const log = await openConfiguredLog(configured)
  try {
    const config = await withPromotedModel(log, configured)
    const folds = foldsOf(config, modelSetup(config), options, await shadowFolds(config, log))
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
    out.result({ buckets, held, learners }, `${tableText(header, rows)}${advice}${quality}`)
  } finally {
    await log.close()
  }
}

async function rollback(out: Output, options: Record<string, unknown>): Promise<void> {
  if (options.to === undefined) {
    throw new FreshetError('usage', 'model rollback: add --to POSITION, e.g. ts=2026-11-21T10:00Z, last=1h or latest')
  }
  const configured = commandConfig(options)
  const position = parsePosition(String(options.to), Date.now())
  const log = await openConfiguredLog(configured)
  try {
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
    out.result({ model, eventId, offsets, until, undone }, words)
  } finally {
    await log.close()
  }
}

async function promote(out: Output, options: Record<string, unknown>): Promise<void> {
  const { run, model } = options
  if ((run === undefined) === (model === undefined)) {
    throw new FreshetError(
      'usage',
      'model promote: add --run FOLDER of a run, or --model NAME of a model that ran before',
    )
  }
  const config = commandConfig(options)
  const log = await openConfiguredLog(config)
  try {
    const sources = { log, blobs: writtenBlobs(config, 'promotion'), runtime: systemRuntime }
    const { event, from } =
      run === undefined
        ? await promoteKnown(String(model), config, sources)
        : await promoteRun(resolve(String(run)), config, sources)
    const begins =
      run === undefined ? '' : from === null ? ', learning all that the log holds' : `, learning on from ${from}`
    out.result(
      { model: event.model, eventId: event.eventId, from },
      `${event.model} runs from the next start on${begins}`,
    )
  } finally {
    await log.close()
  }
}

async function shadow(out: Output, options: Record<string, unknown>): Promise<void> {
  const { run, spec, model, end } = options
  if ([run, spec, model, end].filter((one) => one !== undefined).length !== 1) {
    throw new FreshetError(
      'usage',
      'model shadow: add --run FOLDER of a run, --spec FILE of a new model, --model NAME of one that ran before, or --end NAME',
    )
  }
  const config = commandConfig(options)
  const log = await openConfiguredLog(config)
  try {
    const sources = { log, blobs: writtenBlobs(config, 'promotion'), runtime: systemRuntime }
    if (end !== undefined) {
      const event = await endShadow(String(end), sources)
      const words = `${event.model} does not learn any more; what it learned stays`
      return out.result({ model: event.model, eventId: event.eventId, ended: true }, words)
    }
    const { event, from } =
      run !== undefined
        ? await shadowRun(resolve(String(run)), config, sources)
        : spec !== undefined
          ? await shadowSpec(resolve(String(spec)), config, sources)
          : await shadowKnown(String(model), config, sources)
    const where = model !== undefined ? '' : from === null ? ', from all that the log holds' : `, from ${from} on`
    const words = `${event.model} learns beside the model that serves${where}; freshet model status compares them`
    out.result({ model: event.model, eventId: event.eventId, from, ended: false }, words)
  } finally {
    await log.close()
  }
}
