// Encodes while this member of the group owns `videos`, whose only partition decides who encodes; another member stands by
// and takes over from the last checkpoint.
import { videos } from '../../schemas/topics.ts'
import type { GroupMember, Log, TopicPartition } from '../../streams/log/log.ts'
import type { Runtime } from '../../streams/runtime/runtime.ts'
import type { BlobStore } from '../../streams/stores/blob-store.ts'
import { EncoderSession } from './encoder-session.ts'
import type { ItemEncoder } from './item-encoder.ts'

export interface EncoderRunnerOptions {
  readonly encoder: ItemEncoder
  readonly model: string
  readonly log: Log
  readonly blobs: BlobStore
  readonly runtime: Pick<Runtime, 'clock'>
  readonly checkpointEveryMs: number
}

export interface EncoderRunner {
  /** Records that could not be read or used. */
  readonly badRecords: number
  /** Deltas that did not fit what the encoder had. */
  readonly gaps: number
  /** Whether this member encodes now; else it stands by. */
  readonly isActive: boolean
  /** Rejects with what made going on impossible. */
  readonly ended: Promise<void>
  /** Checkpoints and leaves the group. */
  stop(): Promise<void>
}

export async function encoderRunner(options: EncoderRunnerOptions): Promise<EncoderRunner> {
  const runner = new Runner(options)
  await runner.start()
  return runner
}

class Runner implements EncoderRunner {
  readonly counts = { badRecords: 0, gaps: 0 }
  readonly ended: Promise<void>
  private readonly options: EncoderRunnerOptions
  private readonly failure = Promise.withResolvers<void>()
  private readonly joined = Promise.withResolvers<GroupMember>()
  private session: EncoderSession | null = null

  constructor(options: EncoderRunnerOptions) {
    this.options = options
    this.ended = this.failure.promise
    this.ended.catch(() => {})
  }

  get badRecords(): number {
    return this.counts.badRecords
  }

  get gaps(): number {
    return this.counts.gaps
  }

  get isActive(): boolean {
    return this.session !== null
  }

  async start(): Promise<void> {
    const member = await this.options.log.joinGroup({
      group: `item-encoder.${this.options.model}`,
      topics: [videos],
      onAssigned: async (partitions) => this.begin(partitions),
      onRevoked: async () => this.end(),
    })
    this.joined.resolve(member)
  }

  async stop(): Promise<void> {
    await this.end()
    await (await this.joined.promise).leave()
    this.failure.resolve()
  }

  private begin([place]: readonly TopicPartition[]): void {
    if (!place || this.session) return
    const { counts } = this
    const session = new EncoderSession({ ...this.options, place, member: this.joined.promise, counts })
    this.session = session
    session.failed.catch(async (error) => {
      this.failure.reject(error)
      // Its state may be ahead of what is durable: another member must go on, from the checkpoint.
      await (await this.joined.promise).leave().catch(() => {})
    })
  }

  private async end(): Promise<void> {
    const { session } = this
    this.session = null
    await session?.end()
  }
}
