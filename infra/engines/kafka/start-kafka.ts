// One real Kafka node (KRaft, broker and controller in one process) without containers: for integration tests, and for
// running Freshet on Kafka on one machine.
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { createWriteStream, existsSync } from 'node:fs'
import { mkdir, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join, resolve as resolvePath } from 'node:path'
import { promisify } from 'node:util'
import { FreshetError } from '../../../streams/runtime/errors.ts'
import { kafkaJars } from './fetch-jars.ts'

export interface KafkaOptions {
  /** Holds its data, settings and server.log; made when missing, used again when there. */
  readonly directory: string
  /** Where clients connect; a free one by default. */
  readonly port?: number
}

export interface RunningKafka {
  readonly brokers: string[]
  readonly pid: number
  /** Resolves when the process is gone; its port and folder can then be used again. */
  stop(): Promise<void>
  /** Ends it as a crash does, and resolves when it is gone. */
  kill(): Promise<void>
}

const heap = '256m'
const startMsMax = 60_000
const stopMsMax = 20_000
const clusterId = 'RnJlc2hldEtyYWZ0Tm9kZQ'

/** Starts a node and resolves when it takes requests. Throws engine-missing or engine-failed. */
export async function startKafka({ directory, port }: KafkaOptions): Promise<RunningKafka> {
  const libraries = await kafkaJars()
  const folder = resolvePath(directory)
  await mkdir(folder, { recursive: true })
  const clientPort = port ?? (await freePort())
  await writeFile(join(folder, 'server.properties'), serverProperties(folder, clientPort, await freePort()))
  await writeFile(join(folder, 'log4j2.properties'), logProperties)
  const java = (memory: string, mainClass: string, rest: string[]) => [
    ...['-Xms64m', `-Xmx${memory}`, '-XX:+UseSerialGC', '-XX:MaxDirectMemorySize=128m', '-Djava.awt.headless=true'],
    ...[
      `-Dlog4j2.configurationFile=${join(folder, 'log4j2.properties')}`,
      '-cp',
      join(libraries, '*'),
      mainClass,
      ...rest,
    ],
  ]
  const settings = join(folder, 'server.properties')
  if (!existsSync(join(folder, 'log/meta.properties'))) {
    await promisify(execFile)(
      'java',
      java('64m', 'kafka.tools.StorageTool', ['format', '-t', clusterId, '-c', settings]),
    ).catch((cause) => {
      throw new FreshetError('engine-failed', `Kafka could not format ${folder}: empty it`, { cause })
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
    brokers: [`127.0.0.1:${clientPort}`],
    pid: child.pid!,
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

/** One node: nothing is replicated. Internal topics are small so that a start takes seconds. */
function serverProperties(folder: string, port: number, controllerPort: number): string {
  const settings = {
    'process.roles': 'broker,controller',
    'node.id': 1,
    'controller.quorum.voters': `1@127.0.0.1:${controllerPort}`,
    listeners: `PLAINTEXT://127.0.0.1:${port},CONTROLLER://127.0.0.1:${controllerPort}`,
    'advertised.listeners': `PLAINTEXT://127.0.0.1:${port}`,
    'controller.listener.names': 'CONTROLLER',
    'inter.broker.listener.name': 'PLAINTEXT',
    'listener.security.protocol.map': 'PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT',
    'log.dirs': join(folder, 'log'),
    'num.network.threads': 2,
    'num.io.threads': 4,
    'background.threads': 2,
    'default.replication.factor': 1,
    'min.insync.replicas': 1,
    'offsets.topic.replication.factor': 1,
    'offsets.topic.num.partitions': 4,
    'transaction.state.log.replication.factor': 1,
    'transaction.state.log.min.isr': 1,
    'transaction.state.log.num.partitions': 4,
    'share.coordinator.state.topic.replication.factor': 1,
    'share.coordinator.state.topic.min.isr': 1,
    'group.initial.rebalance.delay.ms': 0,
    'log.cleaner.dedupe.buffer.size': 16_777_216,
    'log.index.size.max.bytes': 1_048_576,
    'message.max.bytes': 9_437_184,
    'auto.create.topics.enable': false,
    // After a kill the controller refuses the node until its old session is over.
    'broker.session.timeout.ms': 3000,
    'broker.heartbeat.interval.ms': 500,
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

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  await new Promise((resolve) => server.close(resolve))
  if (address === null || typeof address === 'string') throw new Error('assertion failed: a TCP server has a port')
  return address.port
}
