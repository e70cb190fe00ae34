// A deployment on one machine: real processes with roles, on Kafka, started by the command and ended by signals. What a
// supervisor would know of them is known here: addresses that outlive a restart, who is ready, who died by himself.
import { mkdirSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { type EngineProcess, type ReadyLine, startEngineProcess } from './engine-process.ts'
import type { Role } from './roles.ts'

export interface TopologyOptions {
  readonly brokers: readonly string[]
  /** Data folders, settings and blobs lie in it; made when missing, used again when there. */
  readonly folder: string
  /** Roles by name of the process, in the order of their starts. */
  readonly processes: Readonly<Record<string, readonly Role[]>>
  /** Not started at first. */
  readonly idle?: readonly string[]
  /** Settings of every process, as in a configuration file; groups are merged, setting by setting. */
  readonly settings?: Settings
  /** More settings of single processes. */
  readonly settingsOf?: Readonly<Record<string, Settings>>
  /** Where compiled code is kept for later starts; in the folder by default. */
  readonly compileCache?: string
  /** Told when a process ended that nobody ended. */
  readonly onDeath?: (name: string, said: string) => void
}

export type Settings = Readonly<Record<string, unknown>>

export interface Topology {
  readonly names: readonly string[]
  /** Of the first process with a gateway: the same for the life of the topology. Throws where there is none. */
  readonly gatewayUrl: string
  /** Configuration file of a process: what commands are given with --config. */
  configPath(name: string): string
  dataDir(name: string): string
  /** Where snapshots and checkpoints of all processes lie. */
  readonly blobFolder: string
  isRunning(name: string): boolean
  /** The process as it runs now. Throws where it does not. */
  process(name: string): EngineProcess
  /** Starts it, or starts it again; resolves when it is ready. Where it runs, when it is. */
  start(name: string): Promise<ReadyLine>
  /** SIGKILL; resolves when the process is gone. Nothing where it does not run. */
  kill(name: string): Promise<void>
  /** SIGTERM; resolves when it has ended cleanly, rejects where it has not. Nothing where it does not run. */
  stopOne(name: string): Promise<void>
  /** SIGSTOP and SIGCONT. */
  pause(name: string): void
  resume(name: string): void
  /** Stops every process cleanly: gateways, then those that serve, then the movers, the owners of parameters last. Rejects
   *  where one did not, when all have ended. */
  stop(): Promise<void>
  /** SIGKILL of whatever still runs. */
  abandon(): Promise<void>
}

/** Starts all but the idle ones at once; resolves when they are ready. Rejects, with nothing left running, where one is not. */
export async function startTopology(options: TopologyOptions): Promise<Topology> {
  const topology = await Processes.prepare(options)
  try {
    await topology.startAll()
  } catch (error) {
    await topology.abandon()
    throw error
  }
  return topology
}

/** Who goes first when all stop: what asks others before those whom it asks. */
const stopOrder: readonly Role[][] = [
  ['gateway'],
  ['serving'],
  ['joiner', 'counter', 'trainer', 'projections', 'learning'],
]

class Processes implements Topology {
  readonly names: readonly string[]
  readonly blobFolder: string
  private readonly options: TopologyOptions
  private readonly portByName: ReadonlyMap<string, number>
  private readonly runningByName = new Map<string, EngineProcess>()
  /** Ended by us, or about to be. */
  private readonly ending = new Set<EngineProcess>()

  /** Writes the settings of every process. */
  static async prepare(options: TopologyOptions): Promise<Processes> {
    const ports = new Map<string, number>()
    for (const [name, roles] of Object.entries(options.processes)) {
      // Others are found through the log.
      if (roles.includes('gateway') || roles.includes('serving')) ports.set(name, await freePort())
    }
    return new Processes(options, ports)
  }

  private constructor(options: TopologyOptions, portByName: ReadonlyMap<string, number>) {
    this.options = options
    this.portByName = portByName
    this.names = Object.keys(options.processes)
    this.blobFolder = join(options.folder, 'blobs')
    mkdirSync(this.blobFolder, { recursive: true })
    for (const name of this.names) writeFileSync(this.configPath(name), JSON.stringify(this.settingsFor(name), null, 2))
  }

  get gatewayUrl(): string {
    const name = this.names.find((one) => this.options.processes[one]!.includes('gateway'))
    if (name === undefined) throw new Error('this topology has no gateway')
    return `http://127.0.0.1:${this.portByName.get(name)}`
  }

  configPath(name: string): string {
    return join(this.options.folder, `${name}.json`)
  }

  dataDir(name: string): string {
    return join(this.options.folder, name)
  }

  isRunning(name: string): boolean {
    return this.runningByName.has(name)
  }

  process(name: string): EngineProcess {
    const running = this.runningByName.get(name)
    if (!running) throw new Error(`${name} does not run`)
    return running
  }

  async startAll(): Promise<void> {
    const { idle = [] } = this.options
    const started = this.names.filter((name) => !idle.includes(name)).map((name) => this.start(name))
    // All of them are waited for: none may fail later with nobody listening.
    const failure = (await Promise.allSettled(started)).find((result) => result.status === 'rejected')
    if (failure) throw failure.reason
  }

  start(name: string): Promise<ReadyLine> {
    const running = this.runningByName.get(name)
    if (running) return running.ready
    const roles = this.options.processes[name]
    if (!roles) throw new Error(`this topology has no process ${name}; it has ${this.names.join(', ')}`)
    const child = startEngineProcess({
      name,
      dataDir: this.dataDir(name),
      configPath: this.configPath(name),
      compileCache: this.options.compileCache ?? join(this.options.folder, 'compiled'),
      roles,
    })
    this.runningByName.set(name, child)
    child.ended.then(({ said }) => {
      if (this.runningByName.get(name) === child) this.runningByName.delete(name)
      if (!this.ending.delete(child)) this.options.onDeath?.(name, said)
    })
    return child.ready
  }

  async kill(name: string): Promise<void> {
    const child = this.runningByName.get(name)
    if (!child) return
    this.ending.add(child)
    await child.kill()
  }

  async stopOne(name: string): Promise<void> {
    const child = this.runningByName.get(name)
    if (!child) return
    this.ending.add(child)
    await child.stop()
  }

  pause(name: string): void {
    this.process(name).pause()
  }

  resume(name: string): void {
    this.process(name).resume()
  }

  async stop(): Promise<void> {
    const problems: unknown[] = []
    for (const roles of [...stopOrder, null]) {
      const group = [...this.runningByName.keys()].filter(
        (name) => roles === null || this.options.processes[name]!.some((role) => roles.includes(role)),
      )
      for (const result of await Promise.allSettled(group.map((name) => this.stopOne(name)))) {
        if (result.status === 'rejected') problems.push(result.reason)
      }
    }
    if (problems.length > 0) throw new AggregateError(problems, problems.map(String).join('\n'))
  }

  async abandon(): Promise<void> {
    await Promise.all([...this.runningByName.keys()].map((name) => this.kill(name)))
  }

  private settingsFor(name: string): Settings {
    const { processes, brokers, settings = {}, settingsOf = {} } = this.options
    const serving = this.names.filter(
      (one) => processes[one]!.includes('serving') && !processes[one]!.includes('gateway'),
    )
    const roles = processes[name]!
    const port = this.portByName.get(name) ?? 0
    const own: Settings = {
      log: { driver: 'kafka', brokers },
      learning: { mode: 'distributed' },
      blobs: { folder: this.blobFolder },
      serving: {
        partitions: 'all',
        peers: roles.includes('gateway') && !roles.includes('serving') ? serving.map((one) => this.addressOf(one)) : [],
      },
      ...(roles.includes('gateway') ? { gateway: { port } } : { rpc: { port } }),
    }
    return [settings, settingsOf[name] ?? {}].reduce(merged, own)
  }

  private addressOf(name: string): string {
    return `127.0.0.1:${this.portByName.get(name)}`
  }
}

/** Group by group, setting by setting. */
function merged(below: Settings, above: Settings): Settings {
  const isGroup = (value: unknown): value is Settings =>
    typeof value === 'object' && value !== null && !Array.isArray(value)
  const out: Record<string, unknown> = { ...below }
  for (const [name, value] of Object.entries(above)) {
    const present = out[name]
    out[name] = isGroup(present) && isGroup(value) ? merged(present, value) : value
  }
  return out
}

/** Free when asked; whoever listens there later finds out. */
async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  await new Promise((resolve) => server.close(resolve))
  if (address === null || typeof address === 'string') throw new Error('assertion failed: a TCP server has a port')
  return address.port
}
