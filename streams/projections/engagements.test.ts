// The engagements projection: what it leaves out, what it blanks, and that repeats change nothing.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { InteractionsRecord, VideoCommented } from '../../schemas/generated.ts'
import { actPart, emittedBy, pageFixture, tickFixture, watchFixture } from '../joiner/joiner-fixtures.ts'
import { engagementsProjection } from './engagements.ts'

test('keeps engagements in order under the user, drops pages and what people wrote, forwards ticks', () => {
  const comment: VideoCommented = {
    type: 'VideoCommented',
    ...actPart('c', 2),
    commentId: 'k',
    text: 'secret',
    withdrawn: false,
  }
  const report: InteractionsRecord = { type: 'VideoReported', ...actPart('r', 3), reason: 'private', withdrawn: false }
  const emitted = emittedBy(engagementsProjection(), [
    pageFixture('r1', 0),
    watchFixture('w', 1),
    comment,
    report,
    tickFixture(4),
  ])
  assert.deepEqual(
    emitted.map(({ key, record }) => [key, record.type]),
    [
      ['u1', 'VideoWatched'],
      ['u1', 'VideoCommented'],
      ['u1', 'VideoReported'],
      [null, 'Tick'],
    ],
  )
  assert.deepEqual(emitted[0]!.record, watchFixture('w', 1))
  assert.ok(!JSON.stringify(emitted).match(/secret|private/))
  assert.equal(comment.text, 'secret')
})
