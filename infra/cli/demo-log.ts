// The log that the demo runs on: the embedded one needs nothing; for Kafka a real broker is started and stopped with it.
import { join } from 'node:path'
import { startKafka } from '../engines/kafka/start-kafka.ts'
import type { Output } from './output.ts'

export interface DemoLog {
  /** Settings that point the engine at it. */
  readonly flags: Readonly<Record<string, string>>
  stop(): Promise<void>
}

export async function demoLog(driver: 'embedded' | 'kafka', dataDir: string, out: Output): Promise<DemoLog> {
  if (driver === 'embedded') return { flags: { 'log.driver': 'embedded' }, stop: async () => {} }
  out.say('starting a Kafka broker')
  const kafka = await startKafka({ directory: join(dataDir, 'kafka') })
  return {
    flags: { 'log.driver': 'kafka', 'log.brokers': kafka.brokers.join(',') },
    stop: () => kafka.stop(),
  }
}
