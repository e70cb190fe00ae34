// One real Kafka node without containers: for integration tests, and for running Freshet on Kafka on one machine. Nothing
// is replicated; `startKafkaCluster` has three nodes that are.
import { freePorts, startKafkaNode } from './kafka-node.ts'

export interface KafkaOptions {
  /** Holds its data, settings and server.log; made when missing, used again when there. */
  readonly directory: string
  /** Where clients connect; a free one by default. */
  readonly port?: number
  /** Where the records lie, for example on a small disk; within `directory` by default. */
  readonly logDirectory?: string
}

export interface RunningKafka {
  readonly brokers: string[]
  readonly pid: number
  /** Resolves when the process is gone, however it ended. */
  readonly gone: Promise<void>
  /** Resolves when the process is gone; its port and folder can then be used again. */
  stop(): Promise<void>
  /** Ends it as a crash does, and resolves when it is gone. */
  kill(): Promise<void>
}

/** Starts a node and resolves when it takes requests. Throws engine-missing or engine-failed. */
export async function startKafka({ directory, port, logDirectory }: KafkaOptions): Promise<RunningKafka> {
  const [freePort, controllerPort] = await freePorts(2)
  const clientPort = port ?? freePort!
  const node = await startKafkaNode({
    directory,
    ...(logDirectory === undefined ? {} : { logDirectory }),
    nodeId: 1,
    port: clientPort,
    controllerPort: controllerPort!,
    voters: [`1@127.0.0.1:${controllerPort}`],
    replicas: 1,
    replicasInSyncMin: 1,
  })
  return { brokers: [`127.0.0.1:${clientPort}`], ...node }
}
