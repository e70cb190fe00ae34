// Opens the log that the configuration names: the embedded one belongs to this process and is lent to its threads and to
// commands of the same machine; Kafka is reached by each thread on its own.
import { join } from 'node:path'
import type { MessagePort } from 'node:worker_threads'
import { type EmbeddedLog, embeddedLog } from '../../streams/log/embedded-log.ts'
import type { Log } from '../../streams/log/log.ts'
import { serveLog } from '../../streams/log/log-server.ts'
import { portChannel } from '../../streams/log/port-channel.ts'
import { remoteLog } from '../../streams/log/remote-log.ts'
import { listenForLogClients } from '../../streams/log/socket-channel.ts'
import type { Runtime } from '../../streams/runtime/runtime.ts'
import { systemDisk } from '../../streams/runtime/system-disk.ts'
import type { Config } from '../config/config.ts'
import { engineTopics } from './engine-topics.ts'

export interface OwnLog {
  readonly log: Log
  /** Lends the log to a worker thread; nothing where every thread opens its own. */
  lend(port: MessagePort): void
  /** Stops lending, then closes. */
  close(): Promise<void>
}

export const logDirectory = (dataDir: string): string => join(dataDir, 'log')
/** Where commands reach the log of a running process. */
export const logSocketPath = (dataDir: string): string => join(dataDir, 'log.sock')

/** Opens the log for the process that runs the engine, with every topic in place. */
export async function openOwnLog(config: Config, model: string, runtime: Runtime): Promise<OwnLog> {
  const own = config.log.driver === 'kafka' ? await overKafka(config, runtime) : await embedded(config, runtime)
  for (const spec of engineTopics(config, model)) await own.log.ensureTopic(spec)
  return own
}

/** Opens the log for a worker thread. */
export async function openThreadLog(config: Config, port: MessagePort, runtime: Runtime): Promise<Log> {
  return config.log.driver === 'kafka' ? openKafka(config, runtime) : remoteLog(portChannel(port))
}

/** Kafka from whatever thread or command. */
export async function openKafka(config: Config, runtime: Runtime): Promise<Log> {
  // Loaded where it is used: it would cost each thread of each start as much as the whole embedded log.
  const { kafkaLog } = await import('../../streams/log/kafka-log.ts')
  const { log, kafka } = config
  return kafkaLog({ brokers: log.brokers, clientId: 'freshet', runtime, ...kafka })
}

async function overKafka(config: Config, runtime: Runtime): Promise<OwnLog> {
  const log = await openKafka(config, runtime)
  return { log, lend: () => {}, close: () => log.close() }
}

async function embedded(config: Config, runtime: Runtime): Promise<OwnLog> {
  const log: EmbeddedLog = await embeddedLog({
    disk: systemDisk,
    directory: logDirectory(config.dataDir),
    runtime,
  })
  const listener = await listenForLogClients(log, logSocketPath(config.dataDir), systemDisk)
  const lent: { close(): Promise<void> }[] = []
  return {
    log,
    lend: (port) => lent.push(serveLog(log, portChannel(port))),
    async close() {
      await listener.close()
      await Promise.all(lent.map((served) => served.close()))
      await log.close()
    },
  }
}
