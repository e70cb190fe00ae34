// When a shard publishes: at each Tick that ends a sync interval, one delta under the version that the Tick's own offset
// gives, so that a restarted shard repeats the same versions.
import type { ReceivedTimeBin, Tick } from '../../schemas/generated.ts'
import { deltasOf } from '../../schemas/topics.ts'
import { partitionOf } from '../../streams/log/log.ts'
import type { Recorded, StepOutput } from '../../streams/processor/processor.ts'
import type { ParameterShard } from './parameter-shard.ts'

/** Width of the bins in which a delta tells when its examples were accepted. */
const receivedBinMs = 10
/** Bins in one delta: the newest five seconds are exact, all that is older counts as the oldest. */
const receivedBinsMax = 512

/** Plain JSON: part of the state of who owns the feed. */
export interface DeltaFeedState {
  readonly syncedTimeMs: number
  readonly eventTimeMs: number
  readonly receivedTimes: readonly ReceivedTimeBin[]
}

/** What a delta says of its state beside the rows. By default the Tick's own position and no rollbacks. */
export interface DeltaStamp {
  readonly trainedThrough?: Readonly<Record<string, number>>
  readonly lineage?: number
}

export class DeltaFeed {
  readonly #shard: ParameterShard
  readonly #syncIntervalMs: number
  #syncedTimeMs = Number.MIN_SAFE_INTEGER
  #eventTimeMs = 0
  #examplesByBin = new Map<number, number>()

  constructor(shard: ParameterShard, syncIntervalMs: number) {
    this.#shard = shard
    this.#syncIntervalMs = syncIntervalMs
  }

  /** Says that the shard has folded this in. */
  note({ eventTimeMs, receivedTimeMs }: { readonly eventTimeMs: number; readonly receivedTimeMs: number }): void {
    this.#eventTimeMs = Math.max(this.#eventTimeMs, eventTimeMs)
    this.#count(receivedTimeMs, 1)
  }

  /** Says that the shard has folded in a batch: its newest event time, and when its examples were accepted. */
  noteBatch(eventTimeMs: number, receivedTimes: readonly ReceivedTimeBin[]): void {
    this.#eventTimeMs = Math.max(this.#eventTimeMs, eventTimeMs)
    for (const { receivedTimeMs, examples } of receivedTimes) this.#count(receivedTimeMs, examples)
  }

  /** Emits a delta where the interval has passed and something changed. Call after everything before the Tick is folded,
   *  and not at all while nothing may be published. */
  tick(input: Recorded<Tick>, output: StepOutput, stamp: DeltaStamp = {}): void {
    const { eventTimeMs } = input.record
    if (eventTimeMs < this.#syncedTimeMs + this.#syncIntervalMs) return
    this.#syncedTimeMs = eventTimeMs
    this.#bound()
    const delta = this.#shard.takeDelta({
      version: input.offset + 1,
      trainedThrough: stamp.trainedThrough ?? { [`${input.topic}/${input.partition}`]: input.offset },
      eventTimeMs: this.#eventTimeMs,
      receivedTimes: this.#bins(),
      lineage: stamp.lineage ?? 0,
    })
    this.#examplesByBin.clear()
    if (delta) output.emit(deltasOf(this.#shard.model), String(delta.bucket), delta, partitionOf(delta.bucket))
  }

  state(): DeltaFeedState {
    return { syncedTimeMs: this.#syncedTimeMs, eventTimeMs: this.#eventTimeMs, receivedTimes: this.#bins() }
  }

  restore({ syncedTimeMs, eventTimeMs, receivedTimes }: DeltaFeedState): void {
    this.#syncedTimeMs = syncedTimeMs
    this.#eventTimeMs = eventTimeMs
    this.#examplesByBin = new Map(receivedTimes.map((bin) => [bin.receivedTimeMs, bin.examples]))
  }

  #count(receivedTimeMs: number, examples: number): void {
    const bin = Math.floor(receivedTimeMs / receivedBinMs) * receivedBinMs
    this.#examplesByBin.set(bin, (this.#examplesByBin.get(bin) ?? 0) + examples)
    if (this.#examplesByBin.size > 2 * receivedBinsMax) this.#bound()
  }

  /** Keeps the newest bins and puts all older ones into the oldest of all. */
  #bound(): void {
    const excess = this.#examplesByBin.size - receivedBinsMax
    if (excess <= 0) return
    const [oldest, ...newer] = this.#bins()
    const kept = newer.slice(excess)
    const examples = newer.slice(0, excess).reduce((sum, bin) => sum + bin.examples, oldest!.examples)
    this.#examplesByBin = new Map([{ ...oldest!, examples }, ...kept].map((bin) => [bin.receivedTimeMs, bin.examples]))
  }

  #bins(): ReceivedTimeBin[] {
    const bins = [...this.#examplesByBin].sort(([left], [right]) => left - right)
    return bins.map(([receivedTimeMs, examples]) => ({ receivedTimeMs, examples }))
  }
}
