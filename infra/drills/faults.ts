// The faults of the drills: what each topology consists of, what is done to it, and how it is put right again. A fault is
// injected at a moment of the drill's choosing and returns when what it broke has been mended, as a supervisor would.
import type { Role } from '../processes/roles.ts'
import type { SeededRandom } from '../simulation/seeded-random.ts'
import type { Stage } from './stage.ts'

export interface Fault {
  readonly name: string
  readonly about: string
  readonly brokers: 1 | 3
  /** Processes by name with their roles, beside those that every topology has. */
  readonly processes: Readonly<Record<string, readonly Role[]>>
  /** Not running at the start. */
  readonly idle?: readonly string[]
  /** True: no request of any client may fail. */
  readonly everyRequestAnswered?: boolean
  /** True: blobs and one broker lie on a small disk of their own. */
  readonly smallDisk?: boolean
  inject(stage: Stage, random: SeededRandom): Promise<void>
}

/** How long a supervisor takes to start again what died. */
const restartMsMax = 2_500
const pauseMs = 20_000

const killing = (name: string, about: string, victims: readonly string[], roles: readonly Role[]): Fault => ({
  name,
  about,
  brokers: 1,
  processes: Object.fromEntries(victims.map((victim) => [victim, roles])),
  async inject(stage, random) {
    const victim = victims[random.below(victims.length)]!
    await stage.kill(victim)
    await stage.sleep(random.between(0, restartMsMax))
    await stage.start(victim)
  },
})

export const faults: readonly Fault[] = [
  killing('kill-shard', 'SIGKILL of one of two parameter shards', ['shard-1', 'shard-2'], ['shard']),
  killing('kill-trainer', 'SIGKILL of one of two trainers', ['trainer-1', 'trainer-2'], ['trainer']),
  killing('kill-joiner', 'SIGKILL of one of two joiners', ['joiner-1', 'joiner-2'], ['joiner']),
  killing('kill-encoder', 'SIGKILL of the item encoder', ['encoder'], ['encoder']),
  {
    ...killing('kill-serving', 'SIGKILL of one of two serving processes', ['serving-1', 'serving-2'], ['serving']),
    everyRequestAnswered: true,
  },
  {
    name: 'kill-broker',
    about: 'SIGKILL of one of three Kafka brokers',
    brokers: 3,
    processes: {},
    async inject(stage, random) {
      const broker = random.below(3)
      await stage.killBroker(broker)
      await stage.sleep(random.between(500, 4_000))
      await stage.startBroker(broker)
    },
  },
  {
    name: 'pause-shard',
    about: 'SIGSTOP of one of two parameter shards for 20 s, then SIGCONT',
    brokers: 1,
    processes: { 'shard-1': ['shard'], 'shard-2': ['shard'] },
    async inject(stage, random) {
      const victim = random.chance(0.5) ? 'shard-1' : 'shard-2'
      stage.pause(victim)
      await stage.sleep(pauseMs)
      stage.resume(victim)
    },
  },
  {
    name: 'rebalance',
    about: '1 to 2 to 4 parameter shards and back, under load',
    brokers: 1,
    processes: { 'shard-1': ['shard'], 'shard-2': ['shard'], 'shard-3': ['shard'], 'shard-4': ['shard'] },
    idle: ['shard-2', 'shard-3', 'shard-4'],
    async inject(stage, random) {
      await stage.start('shard-2')
      await stage.sleep(random.between(500, 3_000))
      await Promise.all([stage.start('shard-3'), stage.start('shard-4')])
      await stage.sleep(random.between(500, 3_000))
      await Promise.all([stage.stop('shard-4'), stage.stop('shard-3')])
      await stage.sleep(random.between(500, 2_000))
      await stage.stop('shard-2')
    },
  },
  {
    name: 'full-disk',
    about: 'the disk under the blobs and under one of three brokers fills up',
    brokers: 3,
    processes: {},
    smallDisk: true,
    async inject(stage, random) {
      await stage.fillDisk()
      await stage.sleep(random.between(2_000, 6_000))
      await stage.freeDisk()
      await stage.startBroker(0)
    },
  },
]

/** What every topology has, unless a fault names it with more members. */
export const commonProcesses: Readonly<Record<string, readonly Role[]>> = {
  gateway: ['gateway'],
  'serving-1': ['serving'],
  'serving-2': ['serving'],
  stream: ['joiner', 'counter'],
  trainer: ['trainer'],
  shard: ['shard'],
  encoder: ['encoder'],
}
