// Time stands still until it is advanced, and one seed gives one run.
import assert from 'node:assert/strict'
import { it } from 'node:test'
import { simulatedRuntime } from './simulated-runtime.ts'

it('fires timers in order while time advances', async () => {
  const { clock, timers, advance } = simulatedRuntime(1, 1000)
  const story: string[] = []
  void timers.sleep(30).then(() => story.push(`slept at ${clock.nowMs()}`))
  const stop = timers.every(20, () => void story.push(`tick at ${clock.nowMs()}`))
  void timers.sleep(10).then(async () => {
    await timers.sleep(5)
    story.push(`nested at ${clock.nowMs()}`)
  })
  await advance(9)
  assert.deepEqual(story, [])
  await advance(41)
  stop()
  await advance(100)
  assert.deepEqual(story, ['nested at 1015', 'tick at 1020', 'slept at 1030', 'tick at 1040'])
  assert.equal(clock.monotonicMs(), 150)
})

it('does not call a task that still runs, and stops a sleep that is aborted', async () => {
  const { timers, advance } = simulatedRuntime(1)
  let calls = 0
  timers.every(10, () => {
    calls++
    return new Promise(() => {})
  })
  const cancel = new AbortController()
  const sleeping = timers.sleep(10, cancel.signal)
  cancel.abort(new Error('enough'))
  await assert.rejects(sleeping, { message: 'enough' })
  await advance(100)
  assert.equal(calls, 1)
})

it('draws the same for the same seed', () => {
  const draw = (seed: number) => {
    const { randomness } = simulatedRuntime(seed)
    return [randomness.id(), randomness.id(), randomness.seed()]
  }
  assert.deepEqual(draw(7), draw(7))
  assert.notDeepEqual(draw(7), draw(8))
  assert.match(draw(7)[0] as string, /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
})
