// A log of any shape, evaluated, learned and compared through the command line: ratings give the heads that they tell, and
// nothing of the others.
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import process from 'node:process'
import { after, before, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { heads } from '../../schemas/labels.ts'
import { foryouSpec } from '../../trainers/model/shipped-specs.ts'
import { csvFolder, ratingsMapping } from './import/csv-fixtures.ts'

const program = fileURLToPath(new URL('./freshet.ts', import.meta.url))
const folder = csvFolder()
const told = ['longView', 'like']
let ratings = ''
after(() => folder.remove())

before(() => {
  const rows = Array.from({ length: 300 }, (_, index) => {
    const [user, movie] = [index % 37, (index * 7) % 53]
    return [user, movie, 0.5 + ((user + 3 * movie + (index % 5)) % 10) / 2, 964_982_703 + index * 900].join(',')
  })
  folder.write('log.csv', `userId,movieId,rating,timestamp\n${rows.join('\n')}\n1,2,good,964982703\n`)
  const { log, ...rest } = ratingsMapping
  const labels = { ...log.labels, like: { column: 'rating', equals: 5 } }
  ratings = folder.write('ratings.jsonc', JSON.stringify({ ...rest, log: { ...log, labels } }))
})

test('ratings are evaluated: the heads that they tell, and no number of the others', async () => {
  const evaluation = await json('evaluate', '--mapping', ratings, '--resamples', '20', '--utc-offset', '0')
  assert.equal(evaluation.scored, 300)
  const untold = heads.filter((head) => !told.includes(head))
  assert.deepEqual(evaluation.untold, untold)
  for (const [head, auc] of Object.entries(evaluation.auc as Record<string, number | null>)) {
    assert.equal(auc !== null, told.includes(head), head)
  }
  for (const late of evaluation.miscalibrated as string[]) assert.ok(told.includes(late.split(' ')[0]!), late)
  assert.deepEqual(evaluation.watchTime, { maeSeconds: null, concordance: null })
})

test('ratings are learned by two models, which are compared by the heads that are told', async () => {
  const specs = ['slow', 'usual'].map((name, place) =>
    folder.write(`${name}.json`, JSON.stringify({ ...foryouSpec, model: name, seed: foryouSpec.seed + place })),
  )
  const out = join(ratings, '..', 'runs')
  const call = ['train', '--mapping', ratings, '--spec', specs.join(','), '--out', out, '--importance-rows', '0']
  const { code, stdout, stderr } = await freshet(...call)
  assert.equal(code, 0, stderr)
  assert.equal(stdout.match(/rating is not a number/g)?.length, 1, stdout)
  const [slow, usual] = [join(out, 'slow'), join(out, 'usual')]
  const { settings } = JSON.parse(readFileSync(join(usual, 'run.json'), 'utf8'))
  assert.deepEqual(
    settings.input.files.map(({ name }: { name: string }) => name),
    ['ratings.jsonc', 'log.csv'],
  )
  assert.match(readFileSync(join(usual, 'report.html'), 'utf8'), /The log tells nothing of complete, replay, share/)
  const compared = await json('compare', slow, usual, '--resamples', '20')
  assert.deepEqual(Object.keys(compared.byHead as object), told)

  folder.write('log.csv', readFileSync(join(ratings, '..', 'log.csv'), 'utf8').replace('0.5', '1.5'))
  const again = await freshet(...call)
  assert.match(again.stderr, /holds another run \(input differs\); name another folder with --out/)
})

test('a mapping that does not fit says which field, and what to write', async () => {
  const { log } = ratingsMapping
  const column = folder.write('column.jsonc', JSON.stringify({ ...ratingsMapping, log: { ...log, user: 'userid' } }))
  const field = folder.write('field.jsonc', JSON.stringify({ ...ratingsMapping, lg: {} }))
  for (const [parts, words] of [
    [['evaluate', '--mapping', column], /log\.user: log\.csv has no column "userid": did you mean "userId"/],
    [['train', '--mapping', field, '--out', join(ratings, '..', 'no')], /lg is no field: did you mean log/],
    [
      ['train', '--mapping', ratings, '--log', 'none.csv', '--out', join(ratings, '..', 'no')],
      /none\.csv cannot be read/,
    ],
  ] as const) {
    const { code, stderr } = await freshet(...parts)
    assert.equal(code, 2, stderr)
    assert.match(stderr, words)
  }
})

function freshet(...parts: readonly string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  return new Promise((resolve) => {
    execFile(process.execPath, [program, ...parts], (error, stdout, stderr) =>
      resolve({ code: error ? Number(error.code ?? 1) : 0, stdout, stderr }),
    )
  })
}

async function json(...parts: readonly string[]): Promise<Record<string, unknown>> {
  const { code, stdout, stderr } = await freshet(...parts, '--json')
  assert.equal(code, 0, stderr)
  return JSON.parse(stdout.trim().split('\n').at(-1)!) as Record<string, unknown>
}
