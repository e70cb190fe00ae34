// Which log the flags of a command name: one of three, or a word on what to write instead.
import assert from 'node:assert/strict'
import { basename, join } from 'node:path'
import { after, test } from 'node:test'
import { csvFolder, ratingsMapping } from './csv-fixtures.ts'
import { chosenLogFiles, type LogFlags, pathsOf } from './log-files.ts'

const folder = csvFolder()
after(() => folder.remove())

test('a log is named in one of three ways', () => {
  const [users, videos] = ['users.csv', 'videos.csv']
  assert.equal(chosenLogFiles('train', { from: 'earliest' }), null)
  assert.deepEqual(chosenLogFiles('train', { mapping: 'm.jsonc' }), { shape: 'csv', mapping: 'm.jsonc', logs: null })
  assert.deepEqual(chosenLogFiles('train', { mapping: 'm.jsonc', log: 'a.csv,b.csv' }), {
    shape: 'csv',
    mapping: 'm.jsonc',
    logs: ['a.csv', 'b.csv'],
  })
  const kuairand = { shape: 'kuairand', logs: ['a.csv', 'b.csv'], users, videos } as const
  assert.deepEqual(chosenLogFiles('train', { kuairandLog: 'a.csv,b.csv', users, videos }), kuairand)
  assert.deepEqual(pathsOf(kuairand), ['a.csv', 'b.csv', users, videos])
})

test('flags that do not go together say which to leave out, or to add', () => {
  const wrong: readonly (readonly [LogFlags, RegExp])[] = [
    [{}, /train: nothing to read is named; give --from .*--mapping .*--kuairand-log/],
    [{ from: 'earliest', mapping: 'm' }, /--from and --mapping name different logs; leave all but one out/],
    [{ from: 'earliest', kuairandLog: 'a', users: 'u', videos: 'v' }, /--from and --kuairand-log name different/],
    [{ mapping: 'm', kuairandLog: 'a' }, /--mapping and --kuairand-log name different/],
    [{ mapping: 'm', users: 'u' }, /write users\.file into the mapping/],
    [{ mapping: 'm', videos: 'v' }, /write videos\.file into the mapping/],
    [{ from: 'earliest', users: 'u' }, /--users goes with --kuairand-log/],
    [{ from: 'earliest', log: 'a' }, /--log goes with --mapping/],
    [{ kuairandLog: 'a', users: 'u' }, /--kuairand-log needs --videos/],
    [{ kuairandLog: 'a' }, /--kuairand-log needs --users and --videos/],
  ]
  for (const [flags, words] of wrong) {
    assert.throws(
      () => chosenLogFiles('train', flags),
      (error: Error & { code?: string }) => error.code === 'usage' && words.test(error.message),
      JSON.stringify(flags),
    )
  }
})

test('all that a mapping reads is told: files beside it, those of the command line where the person stands', () => {
  const tables = { users: { file: 'people.csv', id: 'id' }, videos: { file: 'sub/movies.csv', id: 'id' } }
  const mapping = folder.write('ratings.jsonc', JSON.stringify({ ...ratingsMapping, ...tables }))
  const beside = (file: string) => join(mapping, '..', file)
  const tabled = [beside('people.csv'), beside('sub/movies.csv')]
  assert.deepEqual(pathsOf({ shape: 'csv', mapping, logs: null }), [mapping, beside('log.csv'), ...tabled])
  const here = join(process.cwd(), 'x.csv')
  assert.deepEqual(pathsOf({ shape: 'csv', mapping, logs: ['x.csv'] }), [mapping, here, ...tabled])
  const bare = folder.write('bare.jsonc', JSON.stringify(ratingsMapping))
  assert.deepEqual(
    pathsOf({ shape: 'csv', mapping: bare, logs: null }).map((path) => basename(path)),
    ['bare.jsonc', 'log.csv'],
  )
})
