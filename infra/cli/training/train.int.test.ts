// The commands as a person runs them: two runs side by side over a log, one with a feature more, compared and exported; a run
// promoted to the model that a process would start with; and wrong calls with what to write.
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { after, before, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { checksum } from '../../../schemas/ids.ts'
import { embeddedLog } from '../../../streams/log/embedded-log.ts'
import { newestCheckpoint } from '../../../streams/processor/checkpoint.ts'
import { systemDisk } from '../../../streams/runtime/system-disk.ts'
import { systemRuntime } from '../../../streams/runtime/system-runtime.ts'
import { denseCompute } from '../../../trainers/model/compute.ts'
import { foryouSpec } from '../../../trainers/model/shipped-specs.ts'
import { loadConfig } from '../../config/config.ts'
import { readBlobs } from '../../processes/blob-folder.ts'
import { modelSetup } from '../../processes/model-setup.ts'
import { logDirectory } from '../../processes/open-log.ts'
import { lockstepTrainer, parameterFolds } from '../../processes/parameter-folds.ts'
import { withPromotedModel } from '../../processes/promoted-model.ts'
import { snapshotsOfFold } from '../snapshot-list.ts'
import { logSample } from './logged-sample.ts'
import { readRun } from './run-folder.ts'

const program = fileURLToPath(new URL('../freshet.ts', import.meta.url))
const tasteMatch = fileURLToPath(new URL('../../../docs/tutorial/taste-match.ts', import.meta.url))
const dataDir = mkdtempSync(join(tmpdir(), 'freshet-train-log-'))
const runs = join(dataDir, 'runs')
const usual = join(dataDir, 'usual.json')

before(async () => {
  const log = await embeddedLog({ disk: systemDisk, directory: logDirectory(dataDir), runtime: systemRuntime })
  const { features } = modelSetup(loadConfig({ environment: {}, flags: { dataDir } }))
  await logSample(log, features, 900)
  await log.close()
  writeFileSync(usual, '{ /* the features as they are */ }')
})
after(() => rmSync(dataDir, { recursive: true, force: true }))

test('a feature is tried on the log, compared and exported', async () => {
  const range = ['--from', 'earliest', '--rehydrate', '--importance-rows', '128']
  const trained = await json('train', ...range, '--features', `${usual},${tasteMatch}`, '--out', runs)
  const [base, more] = trained.runs as {
    name: string
    examples: number
    features: string
    weights: { checksum: string }
  }[]
  assert.deepEqual([base!.name, more!.name], ['usual', 'taste-match'])
  assert.deepEqual([base!.features, more!.features], ['recomputed', 'recomputed'])
  assert.equal(base!.examples, more!.examples)
  for (const { name, weights } of [base!, more!]) {
    const folder = join(runs, name)
    assert.equal(checksum(readFileSync(join(folder, 'weights.bin'))), weights.checksum)
    for (const file of ['spec.json', 'metrics.json', 'predictions.parquet', 'plots/learning.svg']) {
      assert.ok(existsSync(join(folder, file)), file)
    }
    const report = readFileSync(join(folder, 'report.html'), 'utf8')
    assert.match(report, /<svg/)
    assert.doesNotMatch(report, /<script|<link|src=/)
  }
  assert.ok(readRun(join(runs, 'taste-match'))!.settings.featureNames.includes('tasteMatch'))

  const compared = await json('compare', join(runs, 'usual'), join(runs, 'taste-match'), '--resamples', '50')
  const longView = (compared.byHead as { longView: { logLoss: { verdict: string } } }).longView
  assert.ok(['better', 'worse', 'noise'].includes(longView.logLoss.verdict))
  assert.match(readFileSync(compared.report as string, 'utf8'), /features more<\/td><td>tasteMatch/)

  const exported = await json('export', 'examples', '--parquet', join(dataDir, 'examples.parquet'))
  assert.equal(exported.rows, base!.examples)
})

test('frozen features give what recomputed ones do, and such a run becomes the model of the deployment', async () => {
  const spec = join(dataDir, 'next.json')
  writeFileSync(spec, JSON.stringify({ ...foryouSpec, model: 'foryou-next' }))
  const folder = join(dataDir, 'frozen')
  const trained = await json('train', '--from', 'earliest', '--importance-rows', '0', '--spec', spec, '--out', folder)
  assert.equal((trained.runs as { features: string }[])[0]!.features, 'frozen')
  const predictions = (of: string) => checksum(readFileSync(join(of, 'predictions.parquet')))
  assert.equal(predictions(folder), predictions(join(runs, 'usual')))

  const { model, from } = await json('model', 'promote', '--run', folder)
  assert.equal(model, 'foryou-next')
  const log = await embeddedLog({ disk: systemDisk, directory: logDirectory(dataDir), runtime: systemRuntime })
  try {
    const config = await withPromotedModel(log, loadConfig({ environment: {}, flags: { dataDir } }))
    const setup = modelSetup(config)
    assert.equal(setup.spec.model, 'foryou-next')
    await denseCompute()
    const trainer = lockstepTrainer(config, setup)
    const fold = parameterFolds(config, setup)[0]!
    const blobs = readBlobs(config)
    const checkpoint = await newestCheckpoint(blobs, fold.owner, (state) => trainer.load(state))
    assert.equal(checkpoint?.next, from)
    assert.deepEqual(Buffer.from(trainer.dump()), readFileSync(join(folder, 'weights.bin')))
    const [snapshot] = await snapshotsOfFold(fold, log, blobs, Date.now())
    assert.deepEqual([snapshot!.announced, snapshot!.checksumOk], [true, true])
  } finally {
    await log.close()
  }
  const again = await freshet('model', 'promote', '--run', folder)
  assert.match(again.stderr, /has learned here already; give the spec another "model" name/)
})

test('wrong calls say what to write', async () => {
  const out = ['--out', join(dataDir, 'wrong')]
  const twice = join(dataDir, 'twice.ts')
  const trends = new URL('../../../streams/features/trends.ts', import.meta.url)
  writeFileSync(twice, `export { trends as feature } from ${JSON.stringify(trends.href)}\n`)
  const typo = join(dataDir, 'typo.json')
  writeFileSync(typo, JSON.stringify({ ...foryouSpec, sede: 1 }))
  for (const [parts, words] of [
    [['train', ...out], /give --from for the examples of the log/],
    [['train', '--from', 'earliest', '--features', tasteMatch, ...out], /add --rehydrate/],
    [
      ['train', '--from', 'earliest', '--features', twice, ...out],
      /trends is in the default list already: leave it out/,
    ],
    [['train', '--from', 'earliest', '--spec', typo, ...out], /typo\.json: .*sede: no such key; did you mean seed\?/],
    [['export', 'nothing', '--parquet', join(dataDir, 'x')], /there is no topic nothing; the topics are/],
  ] as const) {
    const { code, stderr } = await freshet(...parts)
    assert.equal(code !== 0, true, parts.join(' '))
    assert.match(stderr, words)
  }
})

function freshet(...parts: readonly string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  return new Promise((resolve) => {
    execFile(process.execPath, [program, ...parts, '--data-dir', dataDir], (error, stdout, stderr) =>
      resolve({ code: error ? Number(error.code ?? 1) : 0, stdout, stderr }),
    )
  })
}

async function json(...parts: readonly string[]): Promise<Record<string, unknown>> {
  const { code, stdout, stderr } = await freshet(...parts, '--json')
  assert.equal(code, 0, stderr)
  return JSON.parse(stdout.trim().split('\n').at(-1)!) as Record<string, unknown>
}
