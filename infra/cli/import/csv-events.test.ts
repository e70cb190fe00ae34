// Single events of a log become views: what came of an impression is brought to it, within its window.
import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { csvFolder, eventWords } from './csv-fixtures.ts'

const folder = csvFolder()
after(() => folder.remove())

test('single events: what comes of an impression is brought to it, and what did not come is a no', async () => {
  const mapping = {
    name: 'clicks',
    log: {
      files: 'log.csv',
      user: 'u',
      video: 'v',
      time: { column: 't', unit: 'ms' },
      events: {
        column: 'e',
        values: { show: 'impression', click: 'longView', like: 'like', '*': 'ignore' },
        windowMinutes: 1,
      },
    },
  }
  const t0 = Date.UTC(2026, 0)
  const at = (seconds: number) => t0 + 1_000 * seconds
  const log = [
    `a,x,${at(0)},show`,
    `a,y,${at(1)},show`,
    `a,x,${at(5)},click`,
    `a,x,${at(90)},like`,
    `b,x,${at(100)},like`,
    `b,x,${at(101)},hover`,
    `a,x,${at(200)},show`,
  ]
  const files = await folder.read(mapping, `u,v,t,e\n${log.join('\n')}\n`)
  const events = [...files.timeline('keep')]
  assert.deepEqual(eventWords(files), [
    `shown a x ${at(0)}`,
    `shown a y ${at(1)}`,
    `VideoWatched a x ${at(60)}`,
    `VideoWatched a y ${at(61)}`,
    `VideoLiked a x ${at(90)}`,
    `shown b x ${at(100)}`,
    `VideoLiked b x ${at(100)}`,
    `VideoWatched b x ${at(160)}`,
    `shown a x ${at(200)}`,
    `VideoWatched a x ${at(260)}`,
  ])
  const requests = events.map((event) => (event.kind === 'impression' ? event.requestId : event.record.requestId))
  assert.deepEqual(
    [requests[2], requests[3], requests[4], requests[6], requests[9]],
    [requests[0], requests[1], requests[0], requests[5], requests[8]],
  )
  const longViews = events.flatMap((event) =>
    event.kind === 'engagement' && event.record.type === 'VideoWatched' ? [event.record.givenLabels.longView] : [],
  )
  assert.deepEqual(longViews, [true, false, false, false])
  assert.match(files.complaints.join('\n'), /1 row of events that the mapping ignores/)
  const { '*': _, ...values } = mapping.log.events.values
  const strict = await folder.read({ ...mapping, log: { ...mapping.log, events: { column: 'e', values } } })
  assert.deepEqual([...strict.badRows.keys()], ['e is none of log.events.values (add it, or "*": "ignore")'])
})

test('a row of a whole view ends the view of its impression, with the labels that came before it', async () => {
  const mapping = {
    name: 'plays',
    log: {
      files: 'log.csv',
      user: 'u',
      video: 'v',
      time: { column: 't', unit: 'ms' },
      watchTime: { column: 'w', unit: 's' },
      duration: { column: 'd', unit: 's' },
      events: { column: 'e', values: { show: 'impression', play: 'view', again: 'replay' } },
    },
  }
  const t0 = Date.UTC(2026, 0)
  const log = [
    `a,x,${t0},show,,`,
    `a,x,${t0 + 500},again,,`,
    `a,x,${t0 + 1_000},play,5,20`,
    `a,x,${t0 + 9_000},play,20,20`,
  ]
  const files = await folder.read(mapping, `u,v,t,e,w,d\n${log.join('\n')}\n`)
  assert.deepEqual(eventWords(files), [
    `shown a x ${t0}`,
    `VideoSkipped a x ${t0 + 6_000}`,
    `shown a x ${t0 + 9_000}`,
    `VideoWatched a x ${t0 + 29_000}`,
  ])
  const replays = [...files.timeline('keep')].flatMap((event) =>
    event.kind === 'engagement' && 'givenLabels' in event.record ? [event.record.givenLabels.replay] : [],
  )
  assert.deepEqual(replays, [true, false])
})
