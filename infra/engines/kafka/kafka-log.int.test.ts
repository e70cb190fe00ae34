// The Kafka log against the suite, on a real broker.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after } from 'node:test'
import { kafkaLog } from '../../../streams/log/kafka-log.ts'
import { describeLog, type LogUnderTest } from '../../../streams/log/log.suite.ts'
import { systemRuntime } from '../../../streams/runtime/system-runtime.ts'
import { startKafka } from './start-kafka.ts'

const directory = mkdtempSync(join(tmpdir(), 'freshet-kafka-'))
const kafka = await startKafka({ directory })
after(async () => {
  await kafka.stop()
  rmSync(directory, { recursive: true, force: true })
})

const limits = { recordBytesMax: 200_000, inFlightBytesMax: 400_000 }
const open = () => kafkaLog({ brokers: kafka.brokers, runtime: systemRuntime, ...limits })

async function make(): Promise<LogUnderTest> {
  const under: LogUnderTest = {
    log: await open(),
    async reopen() {
      await under.log.close()
      under.log = await open()
    },
    dispose: () => under.log.close(),
    maintenance: {
      kind: 'by-itself',
      reason: 'the broker cleans on its own schedule, by retention.ms and cleanup.policy of the topic',
    },
  }
  return under
}

describeLog({ name: 'kafka', make, ...limits })
