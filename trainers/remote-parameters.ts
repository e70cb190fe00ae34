// A trainer's side of parameters that others own: rows pulled before each batch, dense tensors refreshed after each sending of
// their gradients, and no owner left further behind than a limit.
import { FreshetError } from '../streams/runtime/errors.ts'
import type { Runtime } from '../streams/runtime/runtime.ts'
import type { BucketChains } from './bucket-chains.ts'
import type { PullPlan } from './bucket-rows.ts'
import type { DenseParameter } from './model/model.ts'
import type { ParameterClient } from './parameter-server/parameter-client.ts'

export interface RemoteParametersOptions {
  readonly client: ParameterClient
  readonly runtime: Pick<Runtime, 'timers'>
  readonly examplePartition: number
  readonly chains: BucketChains
  readonly denseBucket: number
  /** Some table of the model: owners are asked for none of its rows to learn how far they are. */
  readonly anyTable: string
  readonly batchesAheadMax: number
}

/** How often an owner that is too far behind is asked again. */
const pollEveryMs = 20
/** Any version is newer. */
const noVersion = -1

export class RemoteParameters {
  /** Dense tensors as last pulled. */
  readonly dense = new Map<string, DenseParameter>()
  readonly #options: RemoteParametersOptions
  readonly #stopped = new AbortController()
  #denseVersion = noVersion
  #isDenseOld = true
  #waits = 0

  constructor(options: RemoteParametersOptions) {
    this.#options = options
  }

  /** How often a batch had to wait for an owner to catch up. */
  get waits(): number {
    return this.#waits
  }

  /** The dense tensors are pulled anew before the next batch. */
  expireDense(): void {
    this.#isDenseOld = true
  }

  /** Nothing pulled earlier counts. */
  reset(): void {
    this.dense.clear()
    this.#denseVersion = noVersion
    this.#isDenseOld = true
  }

  /** Puts the batch's rows in place, after its owners have come near enough. Rejects with `stopped` only. */
  pull(plan: PullPlan): Promise<void> {
    return this.#untilStopped(async () => {
      await this.#waitFor(plan.touched)
      const { client, examplePartition } = this.#options
      const rows = client.pull(examplePartition, plan.pulls, this.#stopped.signal)
      const [foldedByBucket] = await Promise.all([rows, this.#isDenseOld ? this.#pullDense() : null])
      this.#note(foldedByBucket)
      plan.place()
    })
  }

  /** Resolves once the bucket's owner is near enough for one more range. Rejects with `stopped` only. */
  waitFor(bucket: number): Promise<void> {
    return this.#untilStopped(() => this.#waitFor([bucket]))
  }

  /** What waits, and what comes after, rejects. */
  stop(): void {
    this.#stopped.abort(new FreshetError('stopped', 'the trainer was stopped while it waited: start it again'))
  }

  async #pullDense(): Promise<void> {
    const { client, examplePartition, chains, denseBucket } = this.#options
    const pulled = await client.pullDense(examplePartition, this.#denseVersion, this.#stopped.signal)
    this.#isDenseOld = false
    if (!pulled) return
    this.#denseVersion = pulled.version
    for (const [name, parameter] of pulled.dense) this.dense.set(name, parameter)
    chains.noteFolded(denseBucket, pulled.folded)
  }

  async #waitFor(buckets: readonly number[]): Promise<void> {
    const { client, examplePartition, chains, batchesAheadMax, anyTable, runtime } = this.#options
    const { signal } = this.#stopped
    for (let polls = 0; ; polls++) {
      const behind = buckets.filter((bucket) => chains.ahead(bucket) > batchesAheadMax)
      if (behind.length === 0) return
      if (polls === 1) this.#waits++
      if (polls > 0) await runtime.timers.sleep(pollEveryMs, signal)
      const none = { table: anyTable, ids: new BigUint64Array(0), out: new Float32Array(0) }
      this.#note(
        await client.pull(
          examplePartition,
          behind.map((bucket) => ({ bucket, ...none })),
          signal,
        ),
      )
    }
  }

  #note(foldedByBucket: ReadonlyMap<number, number>): void {
    for (const [bucket, folded] of foldedByBucket) this.#options.chains.noteFolded(bucket, folded)
  }

  async #untilStopped(work: () => Promise<void>): Promise<void> {
    const { signal } = this.#stopped
    try {
      signal.throwIfAborted()
      await work()
      signal.throwIfAborted()
    } catch (error) {
      throw signal.aborted ? signal.reason : error
    }
  }
}
