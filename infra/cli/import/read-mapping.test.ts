// What a person gets wrong in a mapping is told by field, with what to write.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { projectRoot } from '../../build/tree.ts'
import { csvFolder, ratingsMapping } from './csv-fixtures.ts'
import { checkMapping, readMapping } from './read-mapping.ts'

const folder = csvFolder()
after(() => folder.remove())

const log = ratingsMapping.log
const withLog = (changes: object) => ({ ...ratingsMapping, log: { ...log, ...changes } })

function problemsOf(value: unknown): string[] {
  try {
    checkMapping(value)
    return []
  } catch (error) {
    return (error as { details: { problems: string[] } }).details.problems
  }
}

test('a mapping of ratings is as short as this, comments and trailing commas allowed', () => {
  const path = folder.write('m.jsonc', `// ours\n${JSON.stringify(ratingsMapping).replace(/}$/, ',}')}`)
  assert.deepEqual(readMapping(path), ratingsMapping)
  assert.deepEqual(problemsOf(ratingsMapping), [])
})

test('the mappings of the docs are mappings', () => {
  const page = readFileSync(join(projectRoot, 'docs/import.md'), 'utf8')
  const blocks = [...page.matchAll(/```jsonc\n(.*?)```/gs)].map((block) => block[1]!)
  assert.equal(blocks.length, 3)
  for (const block of blocks) assert.equal(readMapping(folder.write('docs.jsonc', block)).name.length > 0, true)
})

test('each mistake names its field and what to write there', () => {
  const mistakes: readonly [unknown, RegExp][] = [
    [[], /^the whole does not fit: write \{ "name"/],
    [{ ...ratingsMapping, name: 'Movie Lens' }, /^name does not fit: write "movielens", lower case, not "Movie Lens"$/],
    [{ ...ratingsMapping, video: {} }, /^video is no field: did you mean videos\?/],
    [withLog({ user: undefined }), /^log\.user is missing: write "user": "userId"$/],
    [withLog({ time: 'timestamp' }), /^log\.time does not fit: write \{ "column": "timestamp", "unit": "s" \}/],
    [
      withLog({ time: { column: 't', unit: 'sec' } }),
      /^log\.time\.unit does not fit: write "s" or "ms" or "us" or "iso"/,
    ],
    [withLog({ files: [] }), /^log\.files does not fit: write "ratings\.csv" or/],
    [withLog({ labels: { longview: {} } }), /^log\.labels\.longview is no field: did you mean longView\?/],
    [withLog({ labels: { longView: { column: 'r', atLeast: '4' } } }), /^log\.labels\.longView does not fit/],
    [withLog({ labels: { longView: { column: 'r' } } }), /^log\.labels\.longView has no condition: add/],
    [
      withLog({ events: { column: 'e', values: { a: 'liked' } } }),
      /^log\.events\.values\.a does not fit: write "view" or/,
    ],
    [withLog({ labels: undefined }), /^log says nothing of what users did/],
    [withLog({ timeOf: 'end' }), /^log\.timeOf "end" needs the watch time/],
    [withLog({ time: { column: 't', unit: 'iso', zone: 'Berlin' } }), /^log\.time\.zone is no time zone/],
    [withLog({ time: { column: 't', unit: 's', zone: 'UTC' } }), /^log\.time\.zone is for "unit": "iso"/],
    [withLog({ surface: {} }), /^log\.surface names no column/],
    [withLog({ quote: '""' }), /^log\.quote does not fit/],
    [{ ...ratingsMapping, videos: { file: 'v', id: 'i', embedding: {} } }, /^videos\.embedding needs one of/],
    [
      { ...ratingsMapping, users: { file: 'u', id: 'i', attributes: 3 } },
      /^users\.attributes does not fit: write "all"/,
    ],
  ]
  for (const [value, expected] of mistakes) {
    const problems = problemsOf(JSON.parse(JSON.stringify(value)))
    assert.equal(problems.length, 1, JSON.stringify(problems))
    assert.match(problems[0]!, expected)
  }
})

test('broken JSON is told by line; a missing column by its field, all at once, with the nearest one', async () => {
  const path = folder.write('broken.jsonc', '{\n  "name": "a"\n  "log": {}\n}')
  assert.throws(() => readMapping(path), /broken\.jsonc:3: CommaExpected: write JSON, comments allowed/)
  assert.throws(() => readMapping('/nowhere.jsonc'), /name a mapping/)
  await assert.rejects(
    folder.read(withLog({ user: 'user_id', video: 'movie' }), 'userId,movieId,rating,timestamp\n1,2,3,964982703\n'),
    (error: Error) => {
      assert.match(error.message, /log\.user: log\.csv has no column "user_id": did you mean "userId"\?/)
      assert.match(error.message, /log\.video: log\.csv has no column "movie": did you mean "movieId"\?/)
      return true
    },
  )
})
