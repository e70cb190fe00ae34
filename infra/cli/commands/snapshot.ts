// freshet snapshot list: what owners stored. freshet snapshot verify: folds it anew from the log and compares bytes.
import { FreshetError } from '../../../streams/runtime/errors.ts'
import { denseCompute } from '../../../trainers/model/compute.ts'
import { readBlobs } from '../../processes/blob-folder.ts'
import { rollbacksInLog } from '../../processes/model-rollbacks.ts'
import { modelSetup } from '../../processes/model-setup.ts'
import { commandConfig } from '../command-config.ts'
import { openConfiguredLog } from '../command-log.ts'
import { foldsOf } from '../model-folds.ts'
import { type Output, output } from '../output.ts'
import { type ListedSnapshot, snapshotsOfFold } from '../snapshot-list.ts'
import { type VerifiedSnapshot, verifyFold } from '../snapshot-verify.ts'
import { tableText } from '../table-text.ts'

export async function run([action]: string[], options: Record<string, unknown>): Promise<void> {
  const out = output(options.json === true)
  if (action === 'list') await list(out, options)
  else if (action === 'verify') await verify(out, options)
  else throw new FreshetError('usage', `snapshot ${action}: write snapshot list, or snapshot verify`)
}

async function list(out: Output, options: Record<string, unknown>): Promise<void> {
  const config = commandConfig(options)
  const folds = foldsOf(config, modelSetup(config), options)
  const log = await openConfiguredLog(config)
  try {
    const snapshots: ListedSnapshot[] = []
    for (const fold of folds) snapshots.push(...(await snapshotsOfFold(fold, log, readBlobs(config), Date.now())))
    const header = ['model', 'bucket', 'next offset', 'version', 'lineage', 'bytes', 'age s', 'announced', 'checksum']
    const rows = snapshots.map((one) => [
      one.model,
      one.bucket,
      Object.values(one.offsets)[0] ?? -1,
      one.version,
      one.lineage,
      one.bytes,
      one.ageMs === null ? '' : String(Math.round(one.ageMs / 1_000)),
      one.announced ? 'yes' : 'no',
      one.checksumOk ? 'ok' : 'DAMAGED',
    ])
    out.result({ snapshots }, tableText(header, rows))
  } finally {
    await log.close()
  }
}

async function verify(out: Output, options: Record<string, unknown>): Promise<void> {
  const config = commandConfig(options)
  const folds = foldsOf(config, modelSetup(config), options)
  await denseCompute()
  const log = await openConfiguredLog(config)
  try {
    const rolledBack = await rollbacksInLog(log)
    const rows: VerifiedSnapshot[] = []
    for (const fold of folds) {
      rows.push(...(await verifyFold(fold, log, readBlobs(config), rolledBack)))
      out.progress(`${fold.model}/${fold.bucket} folded anew`)
    }
    const verified = rows.filter(({ bytesEqual }) => bytesEqual !== null).length
    const bytesEqual = verified > 0 && rows.every((row) => row.bytesEqual !== false)
    out.result({ verified, bytesEqual, rows }, words(rows, verified, bytesEqual))
    if (verified === 0)
      throw new FreshetError('blob-missing', 'there is no snapshot to verify yet; wait for a checkpoint')
    if (!bytesEqual) {
      throw new FreshetError('blob-corrupt', 'a snapshot is not what its log folds to; the rows say which, keep both')
    }
  } finally {
    await log.close()
  }
}

function words(rows: readonly VerifiedSnapshot[], verified: number, bytesEqual: boolean): string {
  const header = ['model', 'bucket', 'from', 'to', 'records', 'bytes']
  const cells = rows.map((row) => [
    row.model,
    row.bucket,
    row.fromOffset,
    row.toOffset,
    row.records,
    row.bytesEqual === null ? `not verified: ${row.reason}` : row.bytesEqual ? 'equal' : 'DIFFERENT',
  ])
  return `${tableText(header, cells)}\n\n${verified} verified, bytes ${bytesEqual ? 'equal' : 'NOT equal'}`
}
