// Trainers and owners of buckets without a log server, for tests: gradients lie in a list per bucket, owners fold them when
// they are asked, or later where they are slow, and whoever checks sees every range that counted.
import { decode, encode } from '../schemas/codec.ts'
import type { Gradient } from '../schemas/generated.ts'
import { gradientsOf } from '../schemas/topics.ts'
import type { FeatureSet } from '../streams/features/feature-set.ts'
import { offsetOf, partitionOf } from '../streams/log/log.ts'
import type { Processor, Recorded, StepOutput } from '../streams/processor/processor.ts'
import { assert } from '../streams/runtime/errors.ts'
import type { Timers } from '../streams/runtime/runtime.ts'
import { denseOptimizersOf } from './dense-optimizers.ts'
import { initialDense, type TableFactory } from './model/initial-parameters.ts'
import type { DenseParameter } from './model/model.ts'
import { modelLayout } from './model/model-layout.ts'
import type { ModelSpec } from './model/model-spec.ts'
import type { ParameterClient } from './parameter-server/parameter-client.ts'
import { type ShardProcessor, shardProcessor } from './parameter-server/shard-processor.ts'

/** Sleeps that end at once: how often a trainer asks again is up to the owners, not to a clock. */
export const instantTimers: Timers = {
  sleep: async (_ms, signal) => signal?.throwIfAborted(),
  after: () => () => {},
  every: () => () => {},
}

/** The owner of one bucket, with the log of its partition. */
export class ClusterOwner {
  readonly log: Recorded<Gradient>[] = []
  /** Gradients that counted, in order. */
  readonly applied: Gradient[] = []
  /** Records it folds each time it is asked, on average; set to slow it down. */
  recordsPerCall = Number.POSITIVE_INFINITY
  /** Most ranges of one partition that it was ever behind. */
  behindMost = 0
  readonly #make: () => ShardProcessor
  readonly #model: string
  #shard: ShardProcessor
  #position = 0
  #due = 0

  constructor(make: () => ShardProcessor) {
    this.#make = make
    this.#shard = make()
    this.#model = this.#shard.model
  }

  get shard(): ShardProcessor {
    return this.#shard
  }

  append(gradient: Gradient): void {
    const offset = this.log.length
    const record = decode(encode(gradient)) as Gradient
    const partition = partitionOf(gradient.bucket)
    const topic = gradientsOf(this.#model)
    this.log.push({ topic, partition, offset: offsetOf(offset), key: null, timestampMs: 0, record })
    const own = this.log.slice(this.#position).filter(({ record: waiting }) => {
      const { examplePartition, toOffset } = waiting
      return examplePartition === gradient.examplePartition && toOffset > this.#shard.markOf(examplePartition)
    })
    this.behindMost = Math.max(this.behindMost, own.length)
  }

  fold(recordsMax = this.recordsPerCall): void {
    this.#due += recordsMax
    for (; this.#due >= 1 && this.#position < this.log.length; this.#due--) this.#step(this.log[this.#position++]!)
    // It works no faster for having had nothing to do.
    this.#due = Math.min(this.#due, 1)
  }

  /** Dies, and is back from its dump. */
  restart(): void {
    const dump = this.#shard.dump()
    this.#shard = this.#make()
    this.#shard.load(dump)
  }

  /** Gradients that it had already. */
  get repeats(): number {
    return this.#position - this.applied.length
  }

  /** Ranges of a partition that counted, in order. */
  rangesOf(examplePartition: number): string[] {
    const own = this.applied.filter((gradient) => gradient.examplePartition === examplePartition)
    return own.map((gradient) => `${gradient.previousToOffset}: ${gradient.fromOffset}..${gradient.toOffset}`)
  }

  /** Folds the whole log afresh, as whoever checks this owner would. */
  refolded(): ShardProcessor {
    const shard = this.#make()
    for (const input of this.log.slice(0, this.#position)) shard.step(input, nothing)
    return shard
  }

  #step(input: Recorded<Gradient>): void {
    const before = this.#shard.counts.applied
    const { fromOffset, toOffset, previousToOffset } = input.record
    assert(fromOffset >= previousToOffset && toOffset > fromOffset, `range ${fromOffset}..${toOffset} moves on`)
    this.#shard.step(input, nothing)
    if (this.#shard.counts.applied > before) this.applied.push(input.record)
  }
}

/** Takes deltas; an owner that rejects a gradient fails the test. */
const nothing: StepOutput = { emit() {}, reject: (reason) => assert(false, reason) }

export interface ClusterOptions {
  readonly spec: ModelSpec
  readonly featureSet: FeatureSet
  readonly tableFactory: TableFactory
  readonly buckets: number
}

export class GradientCluster {
  readonly owners: readonly ClusterOwner[]
  readonly client: ParameterClient
  readonly #spec: ModelSpec
  /** Set to make every pull hang until it is aborted. */
  isAway = false

  constructor({ spec, featureSet, tableFactory, buckets }: ClusterOptions) {
    this.#spec = spec
    const layout = spec.ranker && modelLayout(spec, featureSet)
    this.owners = Array.from({ length: buckets }, (_, bucket) => {
      return new ClusterOwner(() => {
        const dense = layout ? { dense: initialDense(spec, layout), denseOptimizerOf: denseOptimizersOf(spec) } : {}
        return shardProcessor({ spec, bucket, buckets, tableFactory, ...dense })
      })
    })
    this.client = {
      pull: async (examplePartition, pulls, signal) => {
        await this.#reach(signal)
        const folded = new Map<number, number>()
        for (const bucket of new Set(pulls.map((pull) => pull.bucket))) {
          this.owners[bucket]!.fold()
          folded.set(bucket, this.owners[bucket]!.shard.markOf(examplePartition))
        }
        for (const { bucket, table, ids, out } of pulls) {
          this.owners[bucket]!.shard.tables.get(table)!.pull(ids, ids.length, out)
        }
        return folded
      },
      pullDense: async (examplePartition, knownVersion, signal) => {
        await this.#reach(signal)
        const owner = this.owners.at(-1)!
        owner.fold()
        const { denseVersion: version } = owner.shard
        if (version <= knownVersion) return null
        const copies = [...owner.shard.dense].map(([name, parameter]): [string, DenseParameter] => {
          return [name, { ...parameter, values: parameter.values.slice() }]
        })
        return { version, dense: new Map(copies), folded: owner.shard.markOf(examplePartition) }
      },
    }
  }

  /** Appends what a processor emits to the lists of its buckets. */
  readonly output: StepOutput = {
    emit: (topic, key, record, partition) => {
      const gradient = record as Gradient
      assert(topic === gradientsOf(this.#spec.model), `a gradient of this model, not ${topic}`)
      assert(key === String(gradient.bucket) && partition === gradient.bucket, 'a gradient goes to its bucket')
      this.owners[gradient.bucket]!.append(gradient)
    },
    reject: (reason) => assert(false, reason),
  }

  foldAll(): void {
    for (const owner of this.owners) owner.fold(Number.POSITIVE_INFINITY)
  }

  async #reach(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted()
    if (!this.isAway) return
    await new Promise((_, reject) => {
      signal.addEventListener('abort', () => reject(signal.reason), { once: true })
    })
  }
}

/** One processor on its partition, with a checkpoint before each record it may start again from. */
export class ClusterMember<P extends Processor> {
  processor: P
  readonly #make: () => P
  readonly #records: readonly Recorded[]
  readonly #dumps: Uint8Array[] = []
  #position = 0

  constructor(make: () => P, records: readonly Recorded[]) {
    this.#make = make
    this.#records = records
    this.processor = make()
  }

  get isDone(): boolean {
    return this.#position === this.#records.length
  }

  /** Folds the next record, after a checkpoint where one is asked for. */
  async step(output: StepOutput, isCheckpointed: boolean): Promise<void> {
    if (isCheckpointed) this.#dumps[this.#position] = this.processor.dump()
    await this.processor.step(this.#records[this.#position]!, output)
    this.#position++
  }

  /** Another life, from the checkpoint at a share of what was folded. */
  restart(share: number): void {
    this.processor = this.#make()
    this.#position = Math.floor(share * this.#position)
    if (this.#position > 0) this.processor.load(this.#dumps[this.#position]!)
  }
}

/** Folds everything, the members taking turns as `random` says. So many times a member starts again from an earlier
 *  checkpoint, and an owner from its newest. */
export async function runCluster<P extends Processor>(
  members: readonly ClusterMember<P>[],
  cluster: GradientCluster,
  random: () => number,
  restarts = 0,
): Promise<void> {
  const { output, owners } = cluster
  let left = restarts
  for (;;) {
    const open = members.filter((member) => !member.isDone)
    const member = open[Math.floor(random() * open.length)]
    if (!member) break
    await member.step(output, restarts > 0)
    if (left === 0 || random() >= 0.02) continue
    left--
    member.restart(random())
    owners[Math.floor(random() * owners.length)]!.restart()
  }
  cluster.foldAll()
}
