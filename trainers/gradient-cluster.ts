// Trainers and owners of buckets without a log server, for tests: gradients lie in a list per bucket, owners fold them when
// they are asked, or later where they are slow, and whoever checks sees every range that counted.
import { decode, encode } from '../schemas/codec.ts'
import type { Gradient } from '../schemas/generated.ts'
import { decodeFloats } from '../schemas/layouts/floats.ts'
import { decodeGradientRows } from '../schemas/layouts/gradient-rows.ts'
import { gradientsOf } from '../schemas/topics.ts'
import type { FeatureSet } from '../streams/features/feature-set.ts'
import type { Processor, Recorded, StepOutput } from '../streams/processor/processor.ts'
import { assert } from '../streams/runtime/errors.ts'
import { denseOptimizersOf } from './dense-optimizers.ts'
import { initialDense, type TableFactory } from './model/initial-parameters.ts'
import type { DenseParameter } from './model/model.ts'
import { modelLayout } from './model/model-layout.ts'
import type { ModelSpec } from './model/model-spec.ts'
import type { ParameterClient } from './parameter-server/parameter-client.ts'
import { ParameterShard } from './parameter-server/parameter-shard.ts'

/** An owner of one bucket that does the least an owner must. */
export class ClusterOwner {
  readonly shard: ParameterShard
  readonly log: Uint8Array[] = []
  /** Gradients that counted, in order. */
  readonly applied: Gradient[] = []
  repeated = 0
  /** Records it folds each time it is asked, on average; set to slow it down. */
  recordsPerCall = Number.POSITIVE_INFINITY
  /** Most ranges of one partition that it was ever behind. */
  behindMost = 0
  #position = 0
  #due = 0
  readonly #marks = new Map<number, number>()

  constructor(shard: ParameterShard) {
    this.shard = shard
  }

  markOf(examplePartition: number): number {
    return this.#marks.get(examplePartition) ?? 0
  }

  append(gradient: Gradient): void {
    this.log.push(encode(gradient))
    const waiting = this.log.slice(this.#position).map((bytes) => decode(bytes) as Gradient)
    const own = waiting.filter((one) => {
      return one.examplePartition === gradient.examplePartition && one.toOffset > this.markOf(one.examplePartition)
    })
    this.behindMost = Math.max(this.behindMost, own.length)
  }

  fold(recordsMax = this.recordsPerCall): void {
    this.#due += recordsMax
    for (; this.#due >= 1 && this.#position < this.log.length; this.#due--) {
      this.#apply(decode(this.log[this.#position++]!) as Gradient)
    }
    // It works no faster for having had nothing to do.
    this.#due = Math.min(this.#due, 1)
  }

  /** Ranges of a partition that counted, in order. */
  rangesOf(examplePartition: number): string[] {
    const own = this.applied.filter((gradient) => gradient.examplePartition === examplePartition)
    return own.map((gradient) => `${gradient.previousToOffset}: ${gradient.fromOffset}..${gradient.toOffset}`)
  }

  #apply(gradient: Gradient): void {
    const { examplePartition, fromOffset, toOffset, previousToOffset } = gradient
    const mark = this.markOf(examplePartition)
    if (toOffset <= mark) {
      this.repeated++
      return
    }
    assert(previousToOffset === mark, `range ${previousToOffset}: ${fromOffset}..${toOffset} follows ${mark}`)
    assert(fromOffset >= previousToOffset && toOffset > fromOffset, `range ${fromOffset}..${toOffset} moves on`)
    for (const { table, ids, values, eventTimesMs } of decodeGradientRows(gradient.rows)) {
      this.shard.push(table, ids, ids.length, values, eventTimesMs)
    }
    for (const { name, values } of gradient.dense) assert(this.shard.pushDense(name, decodeFloats(values)), name)
    this.#marks.set(examplePartition, toOffset)
    this.applied.push(gradient)
  }
}

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
    const dense = () => (spec.ranker ? initialDense(spec, modelLayout(spec, featureSet)) : undefined)
    this.owners = Array.from({ length: buckets }, () => {
      const shardDense = dense()
      return new ClusterOwner(
        new ParameterShard({
          spec,
          tableFactory,
          ...(shardDense ? { dense: shardDense, denseOptimizerOf: denseOptimizersOf(spec) } : {}),
        }),
      )
    })
    this.client = {
      pull: async (examplePartition, pulls, signal) => {
        await this.#reach(signal)
        const folded = new Map<number, number>()
        for (const bucket of new Set(pulls.map((pull) => pull.bucket))) {
          this.owners[bucket]!.fold()
          folded.set(bucket, this.owners[bucket]!.markOf(examplePartition))
        }
        for (const { bucket, table, ids, out } of pulls) this.owners[bucket]!.shard.pull(table, ids, ids.length, out)
        return folded
      },
      pullDense: async (examplePartition, knownVersion, signal) => {
        await this.#reach(signal)
        const owner = this.owners.at(-1)!
        owner.fold()
        const version = owner.applied.filter((gradient) => gradient.dense.length > 0).length
        if (version <= knownVersion) return null
        const copies = [...owner.shard.dense].map(([name, parameter]): [string, DenseParameter] => {
          return [name, { ...parameter, values: parameter.values.slice() }]
        })
        return { version, dense: new Map(copies), folded: owner.markOf(examplePartition) }
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

/** Folds everything, the members taking turns as `random` says; each step may be followed by a restart of its member. */
export async function runCluster<P extends Processor>(
  members: readonly ClusterMember<P>[],
  output: StepOutput,
  random: () => number,
  restarts = 0,
): Promise<void> {
  let left = restarts
  for (;;) {
    const open = members.filter((member) => !member.isDone)
    const member = open[Math.floor(random() * open.length)]
    if (!member) return
    await member.step(output, restarts > 0)
    if (left > 0 && random() < 0.02) {
      left--
      member.restart(random())
    }
  }
}
