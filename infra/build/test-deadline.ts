// Loaded into the process of each test file: one that outlives its time, or keeps something open after its last test, ends as
// a failure that says what was open. A file that behaves ends by itself, so every result it reported has arrived.
import { after, beforeEach } from 'node:test'
import { isMainThread } from 'node:worker_threads'

/** For what an `after` hook began to close and did not wait for. */
const closingMsMax = 30_000
/** So that the runner's own limit names the test that took too long, before the file ends. */
const namingMs = 2_000

const parameters = new URL(import.meta.url).searchParams
const timeMsMax = Number(parameters.get('timeMsMax'))

/** Threads and processes that a test starts inherit the flag that loads this, not the deadline. */
if (isMainThread && process.channel === undefined && timeMsMax > 0) {
  endAfter(timeMsMax + namingMs, `the file took more than ${timeMsMax} ms`)
  let closing: NodeJS.Timeout | undefined
  after(() => {
    closing = endAfter(closingMsMax, `something was open ${closingMsMax} ms after the last test`)
  })
  // Tests known so far had ended, more were declared later.
  beforeEach(() => clearTimeout(closing))
}

function endAfter(ms: number, why: string): NodeJS.Timeout {
  const end = () => {
    process.stderr.write(`ended: ${why}; open: ${process.getActiveResourcesInfo().join(', ')}\n`)
    process.exit(1)
  }
  return setTimeout(end, ms).unref()
}
