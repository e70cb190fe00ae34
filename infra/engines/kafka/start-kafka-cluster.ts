// Several real Kafka nodes on loopback, each broker and controller: topics are replicated to all of them, and an append is
// durable when a majority has it. Each node can be killed and started again under its port and folder.
import { join } from 'node:path'
import { freePorts, type KafkaNode, startKafkaNode } from './kafka-node.ts'

export interface KafkaClusterOptions {
  /** Holds a folder `node-N` for each node; made when missing, used again when there. */
  readonly directory: string
  /** How many nodes; 3 by default. A majority must live for the cluster to work. */
  readonly brokers?: number
  /** Where clients connect, one for each node; free ones by default. */
  readonly ports?: readonly number[]
  /** Where the records of a node (from 0) lie, for example on a small disk; within `directory` by default. */
  logDirectoryOf?(index: number): string
}

export interface RunningKafkaCluster {
  /** Where clients connect, in the order of the nodes. */
  readonly brokers: string[]
  /** Process ids by node (from 0); undefined while it does not run. */
  pid(index: number): number | undefined
  /** Ends a node as a crash does (SIGKILL), and resolves when it is gone. */
  kill(index: number): Promise<void>
  /** Ends a node in order: it hands its partitions over first. */
  stopNode(index: number): Promise<void>
  /** Starts a node that does not run, on its port and folder; resolves when it takes requests. */
  start(index: number): Promise<void>
  /** Stops all that run. */
  stop(): Promise<void>
}

/** Starts the nodes at once and resolves when all take requests. Throws engine-missing or engine-failed. */
export async function startKafkaCluster(options: KafkaClusterOptions): Promise<RunningKafkaCluster> {
  const { directory, brokers: count = 3 } = options
  const free = await freePorts(2 * count)
  const ports = options.ports ?? free.slice(0, count)
  const controllerPorts = free.slice(count)
  const voters = controllerPorts.map((port, index) => `${index + 1}@127.0.0.1:${port}`)
  const nodes = new Map<number, KafkaNode>()

  async function start(index: number): Promise<void> {
    if (nodes.has(index)) return
    const node = await startKafkaNode({
      directory: join(directory, `node-${index + 1}`),
      ...(options.logDirectoryOf ? { logDirectory: options.logDirectoryOf(index) } : {}),
      nodeId: index + 1,
      port: ports[index]!,
      controllerPort: controllerPorts[index]!,
      voters,
      replicas: count,
      compilesLess: true,
      replicasInSyncMin: Math.floor(count / 2) + 1,
    })
    nodes.set(index, node)
    void node.gone.then(() => {
      if (nodes.get(index) === node) nodes.delete(index)
    })
  }

  async function stop(): Promise<void> {
    // One at a time would leave the last ones without a majority, waiting for it; a second is what they need together.
    await Promise.all([...nodes.values()].map((node) => node.stop()))
  }

  const starts = await Promise.allSettled(ports.map((_, index) => start(index)))
  const failed = starts.find((outcome) => outcome.status === 'rejected')
  if (failed) {
    await Promise.all([...nodes.values()].map((node) => node.kill()))
    throw failed.reason
  }
  return {
    brokers: ports.map((port) => `127.0.0.1:${port}`),
    pid: (index) => nodes.get(index)?.pid,
    kill: async (index) => void (await nodes.get(index)?.kill()),
    stopNode: async (index) => void (await nodes.get(index)?.stop()),
    start,
    stop,
  }
}
