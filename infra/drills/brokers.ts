// The Kafka of a drill: one broker, or three that replicate, of which the first may lie on a small disk.
import { join } from 'node:path'
import { startKafka } from '../engines/kafka/start-kafka.ts'
import { startKafkaCluster } from '../engines/kafka/start-kafka-cluster.ts'

export interface Brokers {
  readonly addresses: readonly string[]
  /** SIGKILL. Of a single broker there is nothing to kill that anything could outlive. */
  kill(number: number): Promise<void>
  /** Nothing where it runs. */
  start(number: number): Promise<void>
  stop(): Promise<void>
}

export interface BrokersOptions {
  readonly count: 1 | 3
  readonly folder: string
  /** Folder of a disk for the first one's records; null: all lie together. */
  readonly firstOn: string | null
}

export async function startBrokers({ count, folder, firstOn }: BrokersOptions): Promise<Brokers> {
  if (count === 1) {
    const broker = await startKafka({ directory: folder })
    return { addresses: broker.brokers, kill: async () => {}, start: async () => {}, stop: () => broker.stop() }
  }
  const cluster = await startKafkaCluster({
    directory: folder,
    brokers: count,
    logDirectoryOf: (index) => join(index === 0 && firstOn ? firstOn : folder, `records-${index}`),
  })
  return {
    addresses: cluster.brokers,
    kill: (number) => cluster.kill(number),
    start: (number) => cluster.start(number),
    stop: () => cluster.stop(),
  }
}
