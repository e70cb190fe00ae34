// The reader types every row it can, reports the rest by kind, and agrees with counts known of the real files.
import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { after, test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { samplePaths } from '../../simulation/sample.ts'
import { type BadRows, describeBadRows } from './bad-rows.ts'
import { creatorsOf, kuairandTimeline } from './kuairand-events.ts'
import { collectRows, readLog, readUsers, readVideos } from './kuairand-reader.ts'

const folder = mkdtempSync(join(tmpdir(), 'freshet-kuairand-'))
after(() => rmSync(folder, { recursive: true, force: true }))

function file(name: string, content: string | Uint8Array): string {
  const path = join(folder, name)
  writeFileSync(path, content)
  return path
}

const logHeader =
  'user_id,video_id,date,hourmin,time_ms,is_click,is_like,is_follow,is_comment,is_forward,is_hate,long_view,play_time_ms,duration_ms,profile_stay_time,comment_stay_time,is_profile_enter,is_rand,tab'
const good = '712,5239,20220425,0,1650812741436,1,0,0,1,0,0,1,61802,49866,0,0,0,0,4'

test('a log row is typed, gzipped or not', async () => {
  const text = `${logHeader}\n${good}\n`
  for (const path of [file('plain.csv', text), file('packed.csv.gz', gzipSync(text))]) {
    const bad: BadRows = new Map()
    assert.deepEqual(await collectRows(readLog([path], bad)), [
      {
        userId: '712',
        videoId: '5239',
        timeMs: 1_650_812_741_436,
        click: true,
        like: false,
        follow: false,
        comment: true,
        forward: false,
        hate: false,
        longView: true,
        playTimeMs: 61_802,
        durationMs: 49_866,
        tab: '4',
      },
    ])
    assert.equal(bad.size, 0)
  }
})

test('bad rows are counted by kind with the first example, and the others still come', async () => {
  const noFlag = good.replace(',1,0,0,1,', ',x,0,0,1,')
  const path = file('bad.csv', [logHeader, good, 'too,short', noFlag, `${noFlag.slice(0, -1)}5`, good, ''].join('\n'))
  const bad: BadRows = new Map()
  assert.equal((await collectRows(readLog([path], bad))).length, 2)
  assert.deepEqual([...bad.keys()].sort(), ['is_click is neither 0 nor 1', 'wrong number of columns'])
  assert.equal(bad.get('is_click is neither 0 nor 1')?.count, 2)
  assert.match(describeBadRows(bad)[0]!, /^1 row not read, wrong number of columns: first bad\.csv:3: too,short$/)
})

test('users keep every column with a value, quoted ones too; videos their tags', async () => {
  const users = file('users.csv', 'user_id,fans_user_num_range,register_days,onehot_feat4\n5,"[100,1k)",799,\n')
  assert.deepEqual(await collectRows(readUsers(users, new Map())), [
    { userId: '5', attributes: { fans_user_num_range: '[100,1k)', register_days: 799 } },
  ])
  const header = 'video_id,author_id,video_type,upload_dt,video_duration,music_id,tag'
  const videos = file('videos.csv', `${header}\n7,70,AD,2022-04-10,16433.0,0,"11, 12"\n8,70,NORMAL,,,9,\n`)
  assert.deepEqual(await collectRows(readVideos(videos, new Map())), [
    {
      videoId: '7',
      authorId: '70',
      musicId: null,
      durationMs: 16_433,
      uploadTimeMs: Date.UTC(2022, 3, 9, 16),
      tags: ['11', '12'],
      attributes: { video_type: 'AD' },
    },
    {
      videoId: '8',
      authorId: '70',
      musicId: '9',
      durationMs: 0,
      uploadTimeMs: null,
      tags: [],
      attributes: { video_type: 'NORMAL' },
    },
  ])
})

test('a missing file, a missing column and an empty file are refused with what to give instead', async () => {
  const read = (path: string) => collectRows(readLog([path], new Map()))
  await assert.rejects(read(join(folder, 'absent.csv')), { code: 'usage', message: /absent\.csv cannot be read/ })
  await assert.rejects(read(file('users-as-log.csv', 'user_id\n1\n')), { code: 'usage', message: /lacks the columns/ })
  await assert.rejects(read(file('empty.csv', '')), { code: 'usage', message: /is empty/ })
})

test('a damaged gzip file is an error, not a short log', async () => {
  const whole = gzipSync(`${logHeader}\n${`${good}\n`.repeat(5_000)}`)
  await assert.rejects(collectRows(readLog([file('cut.csv.gz', whole.subarray(0, whole.length - 20))], new Map())))
})

test('the sample is whole: every user and video of its log is described', async () => {
  const bad: BadRows = new Map()
  const rows = await collectRows(readLog([samplePaths.log], bad))
  const users = new Set((await collectRows(readUsers(samplePaths.users, bad))).map((user) => user.userId))
  const videos = new Set((await collectRows(readVideos(samplePaths.videos, bad))).map((video) => video.videoId))
  assert.equal(bad.size, 0)
  assert.deepEqual([rows.length, users.size, videos.size], [20_662, 4_040, 3_617])
  assert.ok(rows.every((row) => users.has(row.userId) && videos.has(row.videoId)))
})

const shared = resolve(process.env.SHARED_DATA ?? '../shared/data', 'kuairand')

test('the real week has the counts it is known for', async (t) => {
  if (!existsSync(shared)) return t.skip('set SHARED_DATA to a folder with kuairand/log_week1.csv.gz')
  const bad: BadRows = new Map()
  const rows = await collectRows(readLog([join(shared, 'log_week1.csv.gz')], bad))
  const videos = await collectRows(readVideos(join(shared, 'video_features_basic.csv.gz'), bad))
  const users = await collectRows(readUsers(join(shared, 'user_features.csv.gz'), bad))
  assert.equal(bad.size, 0)
  assert.deepEqual([rows.length, videos.length, users.length], [115_574, 7_583, 27_285])
  let impressions = 0
  let newestMs = 0
  const ids = new Set<string>()
  for (const event of kuairandTimeline(rows, { creatorOf: creatorsOf(videos), repeats: 'keep' })) {
    const timeMs = event.kind === 'impression' ? event.impressionTimeMs : event.record.eventTimeMs
    assert.ok(timeMs >= newestMs)
    newestMs = timeMs
    if (event.kind !== 'impression') continue
    impressions++
    ids.add(event.eventId)
  }
  assert.deepEqual([impressions, ids.size], [115_574, 112_036])
})
