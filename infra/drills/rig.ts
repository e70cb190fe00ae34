// The topology of a drill: brokers, processes and persistent clients, with what a fault may do to them and with what is
// left of them at the end.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Log } from '../../streams/log/log.ts'
import type { Runtime } from '../../streams/runtime/runtime.ts'
import { systemDisk } from '../../streams/runtime/system-disk.ts'
import { folderBlobStore } from '../../streams/stores/folder-blob-store.ts'
import { projectRoot } from '../build/tree.ts'
import { resolveConfig } from '../config/config.ts'
import { modelSetup } from '../processes/model-setup.ts'
import { openKafka } from '../processes/open-log.ts'
import { ownedBucket } from '../processes/parameter-folds.ts'
import { type Ledger, PersistentClients } from '../processes/persistent-clients.ts'
import { startTopology, type Topology } from '../processes/topology.ts'
import type { CatalogVideo } from '../simulation/tastes.ts'
import { type Brokers, startBrokers } from './brokers.ts'
import { foldedAll } from './caught-up.ts'
import type { Fault } from './faults.ts'
import type { Remains } from './judge/judge.ts'
import { processesOf } from './processes-of.ts'
import { type SmallDisk, smallDisk } from './small-disk.ts'
import type { Stage } from './stage.ts'

export interface RigOptions {
  readonly fault: Fault
  readonly folder: string
  readonly seed: number
  readonly runtime: Runtime
  readonly say: (text: string) => void
}

export interface Rig {
  readonly stage: Stage
  readonly ledger: Ledger
  /** Resolves when so many more events were acknowledged to clients. */
  eventsAcknowledged(events: number): Promise<void>
  /** Resolves when every processor has folded what the log holds now. Rejects when that takes too long. */
  foldedAll(): Promise<void>
  /** Ends the load, lets everything be folded and published, and stops every process cleanly; the brokers stay. */
  finish(): Promise<void>
  remains(): Promise<Remains>
  /** Ends whatever still runs. */
  close(): Promise<void>
}

/** About a hundred events a second: enough for every batch to hold some, and room for what is started again. */
const users = 12
const restMs = 800
const partitions = 4
/** Short intervals, so that a run of a minute has checkpoints, snapshots, deltas and generations in it. */
const settings = {
  log: { partitions },
  kafka: { sessionTimeoutMs: 6_000 },
  checkpointIntervalMs: 2_000,
  syncIntervalMs: 250,
  ticks: { activeMs: 100, idleMs: 250 },
  generationMs: 3_000,
  learning: { buckets: 5 },
  limits: { servedDeadlineMs: 2_000, shardDeadlineMs: 5_000, appendDeadlineMs: 15_000 },
}

const catalog: readonly CatalogVideo[] = Array.from({ length: 160 }, (_, index) => ({
  videoId: `video-${index}`,
  creatorId: `creator-${index % 16}`,
  hashtags: [`tag-${index % 7}`, `tag-${7 + (index % 5)}`],
  durationMs: 5_000 + (index % 6) * 4_000,
}))

/** How long ticks go on after the last event was folded, so that all that was learned is published. */
const settleMs = 2_500

export async function startRig({ fault, folder, seed, runtime, say }: RigOptions): Promise<Rig> {
  const disk = fault.smallDisk ? await smallDisk(join(folder, 'small-disk')) : null
  const brokers = await startBrokers({
    count: fault.brokers,
    folder: join(folder, 'kafka'),
    firstOn: disk?.folder ?? null,
  })
  let topology: Topology | null = null
  try {
    topology = await startTopology({
      brokers: brokers.addresses,
      folder,
      ...processesOf(fault),
      settings: {
        ...settings,
        kafka: { ...settings.kafka, replicationFactor: fault.brokers },
        ...(disk ? { blobs: { folder: join(disk.folder, 'blobs') } } : {}),
      },
      // Processes of many drills share what they compiled: a cold start of nine takes half a minute of two cores.
      compileCache: join(projectRoot, '.build', 'compiled'),
      onDeath: (name, said) => say(`${name} ended by itself: ${said}`),
    })
    const rig = new DrillRig({ topology, brokers, disk, seed, runtime })
    await rig.begin()
    return rig
  } catch (error) {
    await topology?.abandon()
    await brokers.stop()
    await disk?.remove()
    throw error
  }
}

interface RigParts {
  readonly topology: Topology
  readonly brokers: Brokers
  readonly disk: SmallDisk | null
  readonly seed: number
  readonly runtime: Runtime
}

class DrillRig implements Rig {
  readonly stage: Stage
  private readonly parts: RigParts
  private readonly clients: PersistentClients
  private living: Promise<void> = Promise.resolve()
  private acknowledged = 0
  private waiting: { readonly at: number; readonly resolve: () => void }[] = []
  private log: Log | null = null

  constructor(parts: RigParts) {
    this.parts = parts
    this.stage = stageOf(parts)
    this.clients = new PersistentClients({
      users,
      restMs,
      seed: parts.seed,
      catalog,
      runtime: parts.runtime,
      onAcknowledged: (events) => this.count(events),
    })
  }

  get ledger(): Ledger {
    return this.clients.ledger
  }

  async begin(): Promise<void> {
    this.clients.connect(this.parts.topology.gatewayUrl)
    await this.clients.publish()
    this.living = this.clients.live()
  }

  eventsAcknowledged(events: number): Promise<void> {
    const at = this.acknowledged + events
    return new Promise((resolve) => this.waiting.push({ at, resolve }))
  }

  async foldedAll(): Promise<void> {
    await foldedAll(await this.openLog(), this.model, this.parts.runtime)
  }

  async finish(): Promise<void> {
    this.clients.finish()
    await this.living
    await this.foldedAll()
    await this.parts.runtime.timers.sleep(settleMs)
    await this.foldedAll()
    await this.parts.topology.stop()
  }

  async remains(): Promise<Remains> {
    const { topology } = this.parts
    const { config } = this
    const setup = modelSetup(config)
    return {
      log: await this.openLog(),
      blobs: folderBlobStore(systemDisk, config.blobs.folder || topology.blobFolder),
      ledger: this.ledger,
      ...setup,
      makeShard: (model, bucket) => ownedBucket(config, setup, model, bucket),
    }
  }

  async close(): Promise<void> {
    const { topology, brokers, disk } = this.parts
    this.clients.giveUp()
    await topology.abandon()
    await this.log?.close().catch(() => {})
    await brokers.stop()
    await disk?.remove()
  }

  /** As the processes have it: of any of them, for what all share. */
  private get config() {
    const { topology } = this.parts
    const path = topology.configPath(topology.names[0]!)
    return resolveConfig({ file: { path, text: readFileSync(path, 'utf8') }, environment: {}, flags: {} })
  }

  private get model(): string {
    return modelSetup(this.config).spec.model
  }

  private async openLog(): Promise<Log> {
    this.log ??= await openKafka(this.config, this.parts.runtime)
    return this.log
  }

  private count(events: number): void {
    this.acknowledged += events
    for (const { at, resolve } of this.waiting) if (at <= this.acknowledged) resolve()
    this.waiting = this.waiting.filter(({ at }) => at > this.acknowledged)
  }
}

function stageOf({ topology, brokers, disk, runtime }: RigParts): Stage {
  return {
    kill: (name) => topology.kill(name),
    stop: (name) => topology.stopOne(name),
    async start(name) {
      await topology.start(name)
    },
    pause: (name) => topology.pause(name),
    resume: (name) => topology.resume(name),
    killBroker: (number) => brokers.kill(number),
    startBroker: (number) => brokers.start(number),
    fillDisk: async () => disk?.fill(),
    freeDisk: async () => disk?.free(),
    sleep: (durationMs) => runtime.timers.sleep(durationMs),
  }
}
