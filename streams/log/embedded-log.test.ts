// The embedded log against the suite, on a real folder and on a simulated disk.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after } from 'node:test'
import type { Disk } from '../runtime/disk.ts'
import { simulatedDisk } from '../runtime/simulated-disk.ts'
import { systemDisk } from '../runtime/system-disk.ts'
import { systemRuntime } from '../runtime/system-runtime.ts'
import { type EmbeddedLog, embeddedLog } from './embedded-log.ts'
import { describeLog } from './log.suite.ts'
import type { LogUnderTest } from './log-suite-fixtures.ts'

const limits = { recordBytesMax: 200_000, inFlightBytesMax: 400_000, segmentBytesMax: 20_000 }
const folder = mkdtempSync(join(tmpdir(), 'freshet-log-'))
after(() => rmSync(folder, { recursive: true, force: true }))
let folders = 0

async function make(disk: Disk, directory: string): Promise<LogUnderTest> {
  let shiftMs = 0
  const clock = { ...systemRuntime.clock, nowMs: () => systemRuntime.clock.nowMs() + shiftMs }
  const open = () =>
    embeddedLog({ disk, directory, runtime: { ...systemRuntime, clock }, maintainEveryMs: 0, ...limits })
  let log: EmbeddedLog = await open()
  const under: LogUnderTest = {
    log,
    async reopen() {
      await log.close()
      log = await open()
      under.log = log
    },
    dispose: () => log.close(),
    maintenance: {
      kind: 'on-demand',
      advanceClock: (ms) => {
        shiftMs += ms
      },
      run: () => log.maintain(),
    },
  }
  return under
}

describeLog({ name: 'embedded, real folder', make: () => make(systemDisk, join(folder, String(folders++))), ...limits })
describeLog({ name: 'embedded, simulated disk', make: () => make(simulatedDisk(), '/log'), ...limits })
