// Measures the log on a real Kafka node of its own, and prints the result as JSON; brokers given as arguments
// (host:port ...) are measured instead.
import { mkdtempSync, rmSync } from 'node:fs'
import { cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import { benchLog } from '../../../streams/log/kafka.bench.ts'
import { kafkaLog } from '../../../streams/log/kafka-log.ts'
import { systemRuntime } from '../../../streams/runtime/system-runtime.ts'
import { startKafka } from './start-kafka.ts'

const directory = mkdtempSync(join(tmpdir(), 'freshet-bench-kafka-'))
const given = process.argv.slice(2)
const own = given.length === 0 ? await startKafka({ directory }) : null
try {
  const brokers = own?.brokers ?? given
  const result = await benchLog({
    open: () => kafkaLog({ brokers, runtime: systemRuntime }),
    clock: systemRuntime.clock,
    timers: systemRuntime.timers,
    cpuMs: () => {
      const { user, system } = process.cpuUsage()
      return (user + system) / 1000
    },
    run: String(process.pid),
  })
  const machine = { processor: cpus()[0]?.model, cores: cpus().length, node: process.version }
  process.stdout.write(`${JSON.stringify({ bench: 'log', ...result, machine }, undefined, 2)}\n`)
} finally {
  await own?.stop()
  rmSync(directory, { recursive: true, force: true })
}
