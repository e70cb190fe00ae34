// Loaded into the process of each test file: one that stands still, or keeps something open after its last test, ends as a
// failure that says what was open. A file that behaves ends by itself, so every result it reported has arrived.
import { after, afterEach, beforeEach } from 'node:test'
import { isMainThread } from 'node:worker_threads'

/** For what an `after` hook began to close and did not wait for. */
const closingMsMax = 30_000
/** So that the runner's own limit names the test that took too long, before the file ends. */
const namingMs = 2_000

const testMsMax = Number(new URL(import.meta.url).searchParams.get('testMsMax'))

/** Threads and processes that a test starts inherit the flag that loads this, not the deadline. */
if (isMainThread && process.channel === undefined && testMsMax > 0) {
  const standing = endAfter(testMsMax + namingMs, `no test began or ended for ${testMsMax} ms`)
  let closing: NodeJS.Timeout | undefined
  beforeEach(() => {
    standing.refresh()
    // The tests known so far had ended, and more were declared later.
    clearTimeout(closing)
  })
  afterEach(() => {
    standing.refresh()
  })
  after(() => {
    closing = endAfter(closingMsMax, `something was open ${closingMsMax} ms after the last test`)
  })
}

function endAfter(ms: number, why: string): NodeJS.Timeout {
  const end = () => {
    process.stderr.write(`ended: ${why}; open: ${process.getActiveResourcesInfo().join(', ')}\n`)
    process.exit(1)
  }
  return setTimeout(end, ms).unref()
}
