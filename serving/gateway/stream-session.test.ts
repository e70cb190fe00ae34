// One open feed by itself: nothing is pushed to who does not read, and one page is asked for at a time.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { simulatedRuntime } from '../../streams/runtime/simulated-runtime.ts'
import type { FeedQueryValues } from './shapes.ts'
import { type StreamAnswer, streamSession } from './stream-session.ts'

const query: FeedQueryValues = {
  user: 'ada',
  limit: 1,
  feed: 'foryou',
  surface: 'app',
  device: 'unknown',
  network: 'unknown',
  explain: '0',
}

function session() {
  const sent: StreamAnswer[] = []
  const state = { backlogged: false, asked: 0, atOnce: 0, mostAtOnce: 0 }
  const made = streamSession({
    query,
    runtime: simulatedRuntime(1),
    send: (answer) => sent.push(answer),
    backlogged: () => state.backlogged,
    onUnexpected: (error) => assert.fail(String(error)),
    intake: { take: async () => ({ intake: { accepted: 0, duplicates: 0, rejected: [] }, taken: [] }) },
    feeds: {
      async page() {
        state.mostAtOnce = Math.max(state.mostAtOnce, ++state.atOnce)
        await new Promise(setImmediate)
        state.atOnce--
        const number = state.asked++
        const entry = {
          videoId: `video-${number}`,
          position: 0,
          creatorId: 'c',
          source: 's',
          playback: { durationMs: 1 },
        }
        const versions = { log: {}, model: 'm', policy: 1 }
        return { requestId: `request-${number}`, entries: [entry], cursor: `cursor-${number}`, versions }
      },
    },
  })
  return { made, sent, state }
}

test('fills until two entries are ahead of the one on screen', async () => {
  const { made, sent, state } = session()
  await Promise.all([made.fill(), made.fill(), made.fill()])
  assert.deepEqual(
    sent.map((answer) => 'from' in answer && answer.from),
    [0, 1, 2],
  )
  assert.equal(state.mostAtOnce, 1)
})

test('nothing is pushed while there is a backlog; it goes on when that has gone', async () => {
  const { made, sent, state } = session()
  state.backlogged = true
  await made.fill()
  assert.equal(sent.length, 0)
  state.backlogged = false
  await made.fill()
  assert.equal(sent.length, 3)
})

test('a closed session asks for nothing and sends nothing', async () => {
  const { made, sent, state } = session()
  const filling = made.fill()
  made.close()
  await filling
  assert.deepEqual([sent.length, state.asked], [0, 1])
})
