// Every kind of bad row is told once, every dialect gives the same rows, and cells become what their mapping says.
import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { csvFolder, eventWords, ratingsMapping } from './csv-fixtures.ts'
import { importSummary } from './import-summary.ts'

const folder = csvFolder()
after(() => folder.remove())

const header = 'userId,movieId,rating,timestamp\n'

test('every kind of bad row is told once, with a count and the first example', async () => {
  const log = [
    '1,10,4.0,964982703',
    '1,20,high,964982703',
    '1,30,low,964982703',
    ',30,4,964982703',
    '2,,4,964982703',
    `${'u'.repeat(257)},30,4,964982703`,
    '2,30,4,',
    '2,30,4,soon',
    '2,30,4,964982703000',
    '2,30,4,1',
    '2,30,4',
    '2,30,4,964982703,more',
    '2,"30\n31,4,964982703\n2,32",4',
    '3,30,,964982704',
  ].join('\n')
  const { badRows, rowCount, complaints } = await folder.read(ratingsMapping, header + log)
  assert.equal(rowCount, 2)
  const told = Object.fromEntries([...badRows].map(([kind, { count, example }]) => [kind, `${count} ${example}`]))
  assert.deepEqual(told, {
    'rating is not a number': '2 log.csv:3: 1,20,high,964982703',
    'userId is empty': '1 log.csv:5: ,30,4,964982703',
    'movieId is empty': '1 log.csv:6: 2,,4,964982703',
    'userId is longer than 256 characters': `1 log.csv:7: ${'u'.repeat(160)}...`,
    'timestamp is empty': '1 log.csv:8: 2,30,4,',
    'timestamp is not a number': '1 log.csv:9: 2,30,4,soon',
    'timestamp is after 2100: is log.time.unit right?': '1 log.csv:10: 2,30,4,964982703000',
    'timestamp is before 1980: is log.time.unit right?': '1 log.csv:11: 2,30,4,1',
    'wrong number of columns': '2 log.csv:12: 2,30,4',
    'wrong number of columns, 4 expected, over several lines (a quote left open?)':
      '1 log.csv:16: 2,30\\n31,4,964982703\\n2,32,4',
  })
  assert.equal(complaints.filter((line) => line.includes('not read')).length, badRows.size)
  assert.match(complaints.at(-1)!, /^an import would be refused: 85.7 % of the log's rows are bad/)
})

test('an import of mostly bad rows is refused unless the mapping allows them', async () => {
  const log = `${header}1,10,4,964982703\n1,20,x,964982703\n`
  await assert.rejects(
    folder.read(ratingsMapping, log, false),
    /50.0 % of the log's rows are bad.*\n {2}1 row not read/s,
  )
  assert.equal((await folder.read({ ...ratingsMapping, badRowShareMax: 0.5 }, log, false)).rowCount, 1)
  await assert.rejects(folder.read(ratingsMapping, header, false), /the log has no rows/)
  await assert.rejects(folder.read({ ...ratingsMapping, rowsMax: 1 }, `${log}2,3,4,964982703\n`), /more than 1 rows/)
})

test('a quote that stays open past the longest row ends the reading with where and what to do', async () => {
  const log = `${header}1,"10,4,964982703\n${'2,20,4,964982703\n'.repeat(70_000)}`
  await assert.rejects(folder.read(ratingsMapping, log), /longer than 1 MiB; close the quote .*"quote": ""/)
  await assert.rejects(folder.read(ratingsMapping, `${header}1,"10,4,964982703\n`), /a quote is still open/)
})

test('dialects: byte order mark, CRLF, gzip, several characters between cells, no header, latin1, no quotes', async () => {
  const plain = `${header}ü,10,4,964982703\n2,"a ""b"", c",2,964982704\n`
  const expected = ['shown ü 10 964982703000', 'VideoWatched ü 10 964982703000']
  const second = ['shown 2 a "b", c 964982704000', 'VideoWatched 2 a "b", c 964982704000']
  const words = async (content: string | Uint8Array, dialect: object = {}) =>
    eventWords(await folder.read({ ...ratingsMapping, log: { ...ratingsMapping.log, ...dialect } }, content))
  assert.deepEqual(await words(plain), [...expected, ...second])
  assert.deepEqual(await words(`\uFEFF${plain.replaceAll('\n', '\r\n')}\r\n`), [...expected, ...second])
  assert.deepEqual(await words(gzipSync(plain)), [...expected, ...second])
  const columns = ['userId', 'movieId', 'rating', 'timestamp']
  assert.deepEqual(await words('ü::10::4::964982703\n', { columns, delimiter: '::' }), expected)
  const latin = Buffer.from('ü\t10\t4\t964982703\n"q\t20\t4\t964982703\n', 'latin1')
  assert.deepEqual(await words(latin, { columns, delimiter: '\t', quote: '', encoding: 'latin1' }), [
    ...expected,
    'shown "q 20 964982703000',
    'VideoWatched "q 20 964982703000',
  ])
})

test('labels: yes, no, unknown where the cell is empty; the log tells nothing of the others', async () => {
  const log = `${header}1,10,4,964982703\n1,20,3.5,964982704\n1,30,,964982705\n`
  const summary = importSummary(await folder.read(ratingsMapping, log))
  assert.deepEqual(summary.labels, { longView: { told: 2, mean: 0.5 } })
})

test('a watch log: units, an end for a time, columns for the context, and what follows from the watch time', async () => {
  const files = await folder.read(
    {
      name: 'watches',
      log: {
        files: 'log.csv',
        user: 'u',
        video: 'v',
        time: { column: 'ended', unit: 'iso', zone: '+02:00' },
        timeOf: 'end',
        watchTime: { column: 'seconds', unit: 's' },
        duration: { column: 'length', unit: 'ms' },
        labels: { like: { column: 'liked', equals: ['yes', 1] } },
        surface: { column: 'page', prefix: 'p', otherwise: 'home' },
        device: { otherwise: 'tv' },
        region: { column: 'country' },
        propensity: 'p',
        creator: 'by',
      },
    },
    'u,v,ended,seconds,length,liked,page,country,p,by\n' +
      'a,x,2026-05-01 12:00:30,30,60000,YES,1,SE,0.5,c\n' +
      'b,x,2026-05-01T10:00:31Z,1,60000,0,,,,c\n' +
      'b,y,2026-05-01T10:00:32Z,-1,60000,0,,,,c\n' +
      'b,y,2026-05-01T10:00:32Z,1,60000,0,,,2,c\n',
  )
  const startMs = Date.UTC(2026, 4, 1, 10)
  const [first, ...rest] = [...files.timeline('keep')]
  assert.ok(first?.kind === 'impression')
  const { eventId: _, requestId: __, ...shown } = first
  assert.deepEqual(shown, {
    kind: 'impression',
    userId: 'a',
    videoId: 'x',
    creatorId: 'c',
    surface: 'p1',
    device: 'tv',
    language: null,
    region: 'SE',
    propensity: 0.5,
    impressionTimeMs: startMs,
  })
  assert.equal(rest.length, 4)
  assert.deepEqual(importSummary(files).events, { VideoLiked: 1, VideoWatched: 1, VideoSkipped: 1 })
  assert.deepEqual(Object.keys(importSummary(files).labels), [
    'complete',
    'longView',
    'replay',
    'like',
    'earlySkip',
    'watchTime',
  ])
  assert.deepEqual([...files.badRows.keys()], ['seconds is below 0', 'p is no probability above 0 and at most 1'])
  assert.deepEqual(
    files.videos.map(({ videoId, creatorId, durationMs, eventTimeMs }) => [
      videoId,
      creatorId,
      durationMs,
      eventTimeMs,
    ]),
    [['x', 'c', 60_000, startMs]],
  )
})

test('side tables: attributes, hashtags, embeddings, ids that repeat, videos that only the log names', async () => {
  folder.write('users.csv', 'id,age,city,born\n1,30,Oslo,1990\n1,31,Oslo,1990\n2,x,Rome,1991\n')
  folder.write(
    'videos.csv',
    'id;tags;vec;len;on;sound;kind\n10;a| b;[1 2];1.5;20260501;7;film\n20;;1;;;0;\n30;;;;;0;\n',
  )
  const mapping = {
    ...ratingsMapping,
    users: { file: 'users.csv', id: 'id', birthYear: 'born', attributes: { age: 'number', city: 'string' } },
    videos: {
      file: 'videos.csv',
      delimiter: ';',
      id: 'id',
      hashtags: { column: 'tags', separator: '|' },
      embedding: { column: 'vec', separator: ' ' },
      duration: { column: 'len', unit: 'min' },
      published: { column: 'on', unit: 'iso', zone: '+08:00' },
      sound: { column: 'sound', none: ['0'] },
      attributes: 'all',
    },
  }
  const log = `${header}1,10,4,964982703\n1,40,4,964982703\n`
  const files = await folder.read(mapping, log)
  assert.deepEqual(
    files.users.map(({ userId, birthYear, attributes }) => [userId, birthYear, attributes]),
    [['1', 1990, { age: 30, city: 'Oslo' }]],
  )
  const [film, silent, bare] = files.videos
  assert.deepEqual(
    [film!.hashtags, film!.embedding, film!.durationMs, film!.soundId, film!.eventTimeMs, film!.attributes],
    [['a', 'b'], [1, 2], 90_000, '7', Date.UTC(2026, 3, 30, 16), { kind: 'film' }],
  )
  assert.deepEqual([silent!.videoId, silent!.soundId, silent!.embedding], ['30', null, null])
  assert.deepEqual([bare!.videoId, bare!.eventTimeMs], ['40', 964_982_703_000])
  assert.deepEqual(
    [...files.badRows.keys()],
    [
      'users: id is there twice: the first row of an id stands',
      'users: age is not a number',
      'videos: the embedding in vec has another length than the first',
    ],
  )
  const strict = await folder.read({ ...mapping, unknownVideos: 'reject' }, log)
  assert.equal(strict.badRows.get('the video is not in the table of videos (and unknownVideos is "reject")')?.count, 1)
})
