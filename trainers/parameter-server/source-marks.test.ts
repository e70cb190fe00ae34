// Ranges count once, and the watermark is that of the slowest source that is alive.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { SourceMarks, silenceMsMax } from './source-marks.ts'

describe('source marks', () => {
  test('a range is the next, a repeat, or behind a gap', () => {
    const marks = new SourceMarks()
    assert.equal(marks.outcomeOf(1, 0, 10), 'next')
    marks.advance(1, 10, 5, 0)
    assert.equal(marks.outcomeOf(1, 0, 10), 'repeated')
    assert.equal(marks.outcomeOf(1, 0, 4), 'repeated')
    assert.equal(marks.outcomeOf(1, 10, 12), 'next')
    assert.equal(marks.outcomeOf(1, 0, 12), 'gap')
    assert.equal(marks.outcomeOf(1, 12, 14), 'gap')
    assert.equal(marks.outcomeOf(2, 0, 1), 'next')
    assert.deepEqual([marks.markOf(1), marks.markOf(2)], [10, 0])
  })

  test('a source that replays holds the watermark back, a silent one only for a while', () => {
    const marks = new SourceMarks()
    assert.equal(marks.watermarkAt(1), null)
    marks.advance(0, 1, 9_000, 0)
    marks.advance(1, 1, 400, 0)
    assert.equal(marks.watermarkAt(1_000), 400)
    marks.advance(0, 2, 9_500, 1_000 + silenceMsMax)
    assert.equal(marks.watermarkAt(1_000 + silenceMsMax), 400)
    assert.equal(marks.watermarkAt(1_001 + silenceMsMax), 9_500)
    marks.advance(1, 2, 300, 1_001 + silenceMsMax)
    assert.equal(marks.watermarkAt(1_001 + silenceMsMax), 400)
    assert.equal(marks.watermarkAt(1e9), null)
  })

  test('the state is one, whatever order sources came in', () => {
    const [left, right] = [new SourceMarks(), new SourceMarks()]
    left.advance(0, 3, 30, 1)
    left.advance(1, 4, 40, 2)
    right.advance(1, 4, 40, 2)
    right.advance(0, 3, 30, 1)
    assert.deepEqual(left.state(), right.state())
    const restored = new SourceMarks()
    restored.restore(JSON.parse(JSON.stringify(left.state())))
    assert.deepEqual(restored.trainedThrough('examples'), { 'examples/0': 3, 'examples/1': 4 })
    assert.deepEqual(restored.state(), left.state())
  })
})
