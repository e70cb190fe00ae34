// One process of Kafka (KRaft, broker and controller in one) under settings given to it: formatted once, started, stopped
// or killed, and gone with the process that started it.
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { createWriteStream, existsSync } from 'node:fs'
import { mkdir, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join, resolve as resolvePath } from 'node:path'
import { promisify } from 'node:util'
import { FreshetError } from '../../../streams/runtime/errors.ts'
import { kafkaJars } from './fetch-jars.ts'

export interface KafkaNodeOptions {
  /** Holds server.properties, server.log and pid; made when missing. */
  readonly directory: string
  /** Where the records lie (`log.dirs`); the folder `log` in `directory` by default. */
  readonly logDirectory?: string
  readonly nodeId: number
  readonly port: number
  readonly controllerPort: number
  /** Every node of the cluster as `nodeId@host:controllerPort`. */
  readonly voters: readonly string[]
  readonly replicas: number
  readonly replicasInSyncMin: number
  /** Compiles less: starts a third sooner, and leaves processors to others while it warms up; for several on one machine. */
  readonly compilesLess?: boolean
}

export interface KafkaNode {
  readonly pid: number
  /** Resolves when the process is gone, however it ended. */
  readonly gone: Promise<void>
  /** Ends it in order and resolves when it is gone; its port and folder can then be used again. */
  stop(): Promise<void>
  /** Ends it as a crash does, and resolves when it is gone. */
  kill(): Promise<void>
}

const heap = '256m'
const startMsMax = 90_000
const stopMsMax = 20_000
const clusterId = 'RnJlc2hldEtyYWZ0Tm9kZQ'

/** Starts a node and resolves when it takes requests. Throws engine-missing or engine-failed. */
export async function startKafkaNode(options: KafkaNodeOptions): Promise<KafkaNode> {
  const libraries = await kafkaJars()
  const folder = resolvePath(options.directory)
  const logDirectory = resolvePath(options.logDirectory ?? join(folder, 'log'))
  for (const directory of [folder, logDirectory]) await mkdir(directory, { recursive: true })
  const settings = join(folder, 'server.properties')
  await writeFile(settings, serverProperties(options, logDirectory))
  const logSettings = join(folder, 'log4j2.properties')
  await writeFile(logSettings, logProperties)
  const java = (memory: string, mainClass: string, rest: string[]) => [
    ...['-Xms64m', `-Xmx${memory}`, '-XX:+UseSerialGC', '-XX:MaxDirectMemorySize=128m', '-Djava.awt.headless=true'],
    ...(options.compilesLess ? ['-XX:TieredStopAtLevel=1'] : []),
    `-Dlog4j2.configurationFile=${logSettings}`,
    ...['-cp', join(libraries, '*'), mainClass, ...rest],
  ]
  if (!existsSync(join(logDirectory, 'meta.properties'))) {
    const format = java('64m', 'kafka.tools.StorageTool', ['format', '-t', clusterId, '-c', settings])
    await promisify(execFile)('java', format).catch((cause) => {
      throw new FreshetError('engine-failed', `Kafka could not format ${logDirectory}: empty it`, { cause })
    })
  }
  const child = spawn('java', java(heap, 'kafka.Kafka', [settings]), { stdio: ['ignore', 'pipe', 'pipe'] })
  const kill = () => void child.kill('SIGKILL')
  process.once('exit', kill)
  const gone = new Promise<void>((resolve) =>
    child.once('close', () => {
      process.off('exit', kill)
      resolve()
    }),
  )
  await started(child, folder)
  await writeFile(join(folder, 'pid'), `${child.pid}\n`)
  return {
    pid: child.pid!,
    gone,
    async stop() {
      child.kill('SIGTERM')
      const late = setTimeout(kill, stopMsMax)
      await gone
      clearTimeout(late)
    },
    async kill() {
      kill()
      await gone
    },
  }
}

/** Ports that nobody listens on now, all different. */
export async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer())
  const ports: number[] = []
  for (const server of servers) {
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const address = server.address()
    if (address === null || typeof address === 'string') throw new Error('assertion failed: a TCP server has a port')
    ports.push(address.port)
  }
  for (const server of servers) await new Promise((resolve) => server.close(resolve))
  return ports
}

/** Resolves at the line by which Kafka says that it takes requests; what it prints goes to server.log. */
function started(child: ChildProcess, folder: string): Promise<void> {
  const output = createWriteStream(join(folder, 'server.log'), { flags: 'a' })
  return new Promise((resolve, reject) => {
    let recent = ''
    const fail = (reason: string, cause?: unknown) => {
      clearTimeout(late)
      child.kill('SIGKILL')
      reject(new FreshetError('engine-failed', `Kafka ${reason}: look at ${folder}/server.log`, { cause }))
    }
    const late = setTimeout(() => fail(`did not start within ${startMsMax} ms`), startMsMax)
    const read = (chunk: Buffer) => {
      output.write(chunk)
      recent = (recent + chunk.toString('utf8')).slice(-4000)
      if (!recent.includes('Kafka Server started')) return
      clearTimeout(late)
      resolve()
    }
    child.stdout!.on('data', read)
    child.stderr!.on('data', read)
    child.once('error', (cause) => fail('could not be run', cause))
    child.once('exit', (code) => fail(`ended with code ${code}`))
    child.once('close', () => output.end())
  })
}

/** Internal topics are small so that a start takes seconds. */
function serverProperties(options: KafkaNodeOptions, logDirectory: string): string {
  const { nodeId, port, controllerPort, voters, replicas, replicasInSyncMin } = options
  const settings = {
    'process.roles': 'broker,controller',
    'node.id': nodeId,
    'controller.quorum.voters': voters.join(','),
    listeners: `PLAINTEXT://127.0.0.1:${port},CONTROLLER://127.0.0.1:${controllerPort}`,
    'advertised.listeners': `PLAINTEXT://127.0.0.1:${port}`,
    'controller.listener.names': 'CONTROLLER',
    'inter.broker.listener.name': 'PLAINTEXT',
    'listener.security.protocol.map': 'PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT',
    'log.dirs': logDirectory,
    'num.network.threads': 2,
    'num.io.threads': 4,
    'background.threads': 2,
    'default.replication.factor': replicas,
    'min.insync.replicas': replicasInSyncMin,
    'offsets.topic.replication.factor': replicas,
    'offsets.topic.num.partitions': 4,
    'transaction.state.log.replication.factor': replicas,
    'transaction.state.log.min.isr': replicasInSyncMin,
    'transaction.state.log.num.partitions': 4,
    'share.coordinator.state.topic.replication.factor': replicas,
    'share.coordinator.state.topic.min.isr': replicasInSyncMin,
    'group.initial.rebalance.delay.ms': 0,
    // Lets members choose how soon their death is noticed.
    'group.min.session.timeout.ms': 1_000,
    'log.cleaner.dedupe.buffer.size': 16_777_216,
    'log.index.size.max.bytes': 1_048_576,
    'message.max.bytes': 9_437_184,
    'replica.fetch.max.bytes': 9_437_184,
    'auto.create.topics.enable': false,
    // A dead node loses its partitions after this; after a kill it is refused until its old session is over.
    'broker.session.timeout.ms': 3_000,
    'broker.heartbeat.interval.ms': 500,
    'replica.lag.time.max.ms': 5_000,
    'replica.fetch.wait.max.ms': 200,
    // A controller that is gone is missed after two seconds at most, and replaced after about one more.
    'controller.quorum.fetch.timeout.ms': 2_000,
    'controller.quorum.election.timeout.ms': 1_000,
  }
  return Object.entries(settings)
    .map(([name, value]) => `${name}=${value}\n`)
    .join('')
}

const logProperties = `rootLogger.level=INFO
rootLogger.appenderRef.out.ref=out
appender.out.type=Console
appender.out.name=out
appender.out.layout.type=PatternLayout
appender.out.layout.pattern=[%d] %p %m (%c)%n
`
