// Runs the item encoder over its two inputs as a member of a consumer group. Batches of both take turns: folded, their
// vectors made durable, then counted as done, so a checkpoint never runs ahead of the vectors. A restart may publish some
// vectors again; they are the same bytes under the same keys.
import { decode, encode } from '../../schemas/codec.ts'
import { deltasOf, videos } from '../../schemas/topics.ts'
import {
  type GroupMember,
  type Log,
  type LogRecord,
  type NewRecord,
  type Offset,
  offsetOf,
  partitionOf,
  type TopicPartition,
} from '../../streams/log/log.ts'
import type { StepOutput } from '../../streams/processor/processor.ts'
import type { Runtime } from '../../streams/runtime/runtime.ts'
import type { BlobStore } from '../../streams/stores/blob-store.ts'
import { decodeSections, encodeSections, sectionOf } from '../model/sections.ts'
import type { ItemEncoder } from './item-encoder.ts'

export interface EncoderRunnerOptions {
  readonly encoder: ItemEncoder
  readonly model: string
  readonly log: Log
  readonly blobs: BlobStore
  readonly runtime: Runtime
  readonly checkpointEveryMs: number
  /** Bytes of the newest snapshot of the model; null where there is none. Asked for when a delta was missed. */
  newestSnapshot(): Promise<Uint8Array | null>
}

export interface EncoderRunner {
  /** Records that could not be read or used. */
  readonly badRecords: number
  /** Rejects with what made going on impossible. */
  readonly ended: Promise<void>
  /** Checkpoints and leaves the group. */
  stop(): Promise<void>
}

const recordsPerTurnMax = 256
const waitMsMax = 1_000

export async function encoderRunner(options: EncoderRunnerOptions): Promise<EncoderRunner> {
  const runner = new Runner(options)
  await runner.start()
  return runner
}

class Runner implements EncoderRunner {
  badRecords = 0
  readonly ended: Promise<void>
  private readonly options: EncoderRunnerOptions
  private readonly places: readonly TopicPartition[]
  private readonly nextByTopic = new Map<string, Offset>()
  private readonly stopping = new AbortController()
  private readonly failure = Promise.withResolvers<void>()
  private readonly loops: Promise<void>[] = []
  private member: GroupMember | null = null
  private turn: Promise<void> = Promise.resolve()
  private checkpointedMs = 0

  constructor(options: EncoderRunnerOptions) {
    this.options = options
    // The catalog and the deltas of one bucket: both are read whole by whoever encodes.
    this.places = [videos, deltasOf(options.model)].map((topic) => ({ topic, partition: partitionOf(0) }))
    this.ended = this.failure.promise
    this.ended.catch(() => {})
  }

  private get group(): string {
    return `item-encoder.${this.options.model}`
  }

  async start(): Promise<void> {
    await this.restore()
    const joined = Promise.withResolvers<GroupMember>()
    this.member = await this.options.log.joinGroup({
      group: this.group,
      topics: this.places.map(({ topic }) => topic),
      onAssigned: async (partitions) => {
        for (const place of partitions) this.loops.push(this.read(place, joined.promise))
      },
      onRevoked: async () => {},
    })
    joined.resolve(this.member)
  }

  async stop(): Promise<void> {
    this.stopping.abort()
    await Promise.all(this.loops)
    await this.inTurn(() => this.checkpoint())
    await this.member?.leave()
    this.failure.resolve()
  }

  private async read(place: TopicPartition, joined: Promise<GroupMember>): Promise<void> {
    try {
      const member = await joined
      const { earliest } = await this.options.log.bounds(place)
      const from = offsetOf(Math.max(earliest, this.nextByTopic.get(place.topic) ?? 0))
      const reader = await member.openReader({ ...place, from })
      try {
        while (!this.stopping.signal.aborted) {
          const records = await reader.next({ recordsMax: recordsPerTurnMax, waitMsMax })
          if (records.length > 0) await this.inTurn(() => this.fold(place, records, reader.position))
        }
      } finally {
        await reader.close()
      }
    } catch (error) {
      if (!this.stopping.signal.aborted) this.failure.reject(error)
    }
  }

  /** One batch at a time, of whichever input. */
  private inTurn(task: () => Promise<void>): Promise<void> {
    const mine = this.turn.then(task)
    this.turn = mine.catch(() => {})
    return mine
  }

  private async fold(place: TopicPartition, records: readonly LogRecord[], next: Offset): Promise<void> {
    const { encoder, log, runtime } = this.options
    const outputs = new Map<string, NewRecord[]>()
    const timestampMs = runtime.clock.nowMs()
    const output: StepOutput = {
      emit(topic, key, record) {
        const value = record === null ? null : encode(record)
        const known = outputs.get(topic)
        if (known) known.push({ key, value, timestampMs })
        else outputs.set(topic, [{ key, value, timestampMs }])
      },
      reject: () => {
        this.badRecords++
      },
    }
    for (const { value, ...position } of records) {
      const record = value === null ? null : decode(value)
      if (record === null || record.type === 'undecodable') this.badRecords++
      else encoder.step({ ...position, record }, output)
      if (encoder.needsSnapshot) await this.bridge()
    }
    for (const [topic, produced] of outputs) await log.append(topic, produced)
    this.nextByTopic.set(place.topic, next)
    await this.member!.commit(place, next)
    if (runtime.clock.monotonicMs() - this.checkpointedMs > this.options.checkpointEveryMs) await this.checkpoint()
  }

  /** Past a missing delta: rows stand still until a snapshot is there, and are right again with it. */
  private async bridge(): Promise<void> {
    const snapshot = await this.options.newestSnapshot()
    if (snapshot) this.options.encoder.loadSnapshot(snapshot)
  }

  private async checkpoint(): Promise<void> {
    const { blobs, encoder, runtime } = this.options
    this.checkpointedMs = runtime.clock.monotonicMs()
    const facts = { next: Object.fromEntries(this.nextByTopic) }
    await blobs.put(this.blob, encodeSections(facts, new Map([['encoder', encoder.dump()]])))
  }

  private async restore(): Promise<void> {
    const { blobs, encoder, runtime } = this.options
    this.checkpointedMs = runtime.clock.monotonicMs()
    if (!(await blobs.list(this.blob)).includes(this.blob)) return
    const sections = decodeSections(await blobs.get(this.blob))
    encoder.load(sectionOf(sections, 'encoder'))
    const next = sections.facts.next as Readonly<Record<string, number>>
    for (const [topic, offset] of Object.entries(next)) this.nextByTopic.set(topic, offsetOf(offset))
  }

  private get blob(): string {
    return `checkpoints/${this.group}/state`
  }
}
