// When a shard publishes: at each Tick that ends a sync interval, one delta under the version that the Tick's own offset
// gives, so that a restarted shard repeats the same versions.
import type { Example, LabelCorrection, ReceivedTimeBin, Tick } from '../../schemas/generated.ts'
import { deltasOf } from '../../schemas/topics.ts'
import { partitionOf } from '../../streams/log/log.ts'
import type { Recorded, StepOutput } from '../../streams/processor/processor.ts'
import type { ParameterShard } from './parameter-shard.ts'

/** Width of the bins in which a delta tells when its examples were accepted. */
const receivedBinMs = 10

/** Plain JSON: part of the state of who owns the feed. */
export interface DeltaFeedState {
  readonly syncedTimeMs: number
  readonly eventTimeMs: number
  readonly receivedTimes: readonly ReceivedTimeBin[]
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
  note({ eventTimeMs, receivedTimeMs }: Example | LabelCorrection): void {
    this.#eventTimeMs = Math.max(this.#eventTimeMs, eventTimeMs)
    const bin = Math.floor(receivedTimeMs / receivedBinMs) * receivedBinMs
    this.#examplesByBin.set(bin, (this.#examplesByBin.get(bin) ?? 0) + 1)
  }

  /** Emits a delta where the interval has passed and something changed. Call after everything before the Tick is folded. */
  tick(input: Recorded<Tick>, output: StepOutput): void {
    const { eventTimeMs } = input.record
    if (eventTimeMs < this.#syncedTimeMs + this.#syncIntervalMs) return
    this.#syncedTimeMs = eventTimeMs
    const delta = this.#shard.takeDelta({
      version: input.offset + 1,
      trainedThrough: { [`${input.topic}/${input.partition}`]: input.offset },
      eventTimeMs: this.#eventTimeMs,
      receivedTimes: this.#bins(),
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

  #bins(): ReceivedTimeBin[] {
    const bins = [...this.#examplesByBin].sort(([left], [right]) => left - right)
    return bins.map(([receivedTimeMs, examples]) => ({ receivedTimeMs, examples }))
  }
}
