// Calls the owners of buckets, one connection per owner. A call that failed for a reason that passes gives null, after a
// pause that a newer claim cuts short; a newer claim of a bucket asked for also ends a call that is still waiting.

import type { RpcClient } from '../../streams/rpc/rpc.ts'
import { FreshetError } from '../../streams/runtime/errors.ts'
import type { Runtime } from '../../streams/runtime/runtime.ts'
import type { BucketOwner, BucketRoutes } from './bucket-claims.ts'
import type { PullMeter } from './pull-counts.ts'

export interface PullCallerOptions {
  readonly routes: Pick<BucketRoutes, 'ownerOf' | 'claimAfter'>
  makeClient(address: string): RpcClient
  readonly runtime: Runtime
  /** Of one call. */
  readonly deadlineMs: number
  readonly meter: PullMeter
}

/** One owner and the epochs under which it owns what is asked of it. */
export interface OwnerCall {
  readonly address: string
  readonly epochByBucket: ReadonlyMap<number, number>
  readonly method: string
  readonly request: Uint8Array
}

/** Given as the reason where nobody reads one: without it each abort makes an exception with its stack, on every call. */
export const callEnded = 'the call has ended'

const pauseMsMin = 10
const pauseMsMax = 250

export class PullCaller {
  readonly #options: PullCallerOptions
  readonly #clients = new Map<string, RpcClient>()
  readonly #addressByBucket = new Map<number, string>()
  /** Failures in a row by owner. */
  readonly #failures = new Map<string, number>()

  constructor(options: PullCallerOptions) {
    this.#options = options
  }

  /** The answer, or null: look at the routes again. Rejects with `stopped`, and with errors that asking again cannot mend. */
  async call(call: OwnerCall, signal: AbortSignal): Promise<Uint8Array | null> {
    const { meter, runtime, deadlineMs } = this.#options
    const { address, epochByBucket, method, request } = call
    const client = this.#clientOf(address, epochByBucket.keys())
    const superseded = new AbortController()
    const ended = AbortSignal.any([signal, superseded.signal])
    void this.#newerClaim(epochByBucket, ended).then(
      () => superseded.abort(callEnded),
      () => {},
    )
    meter.calls++
    meter.bytesSent += request.byteLength
    const startMs = runtime.clock.monotonicMs()
    try {
      const response = await client.call(method, request, { deadlineMs, signal: ended })
      if (signal.aborted) throw stopped()
      meter.answered(runtime.clock.monotonicMs() - startMs)
      meter.bytesReceived += response.byteLength
      this.#failures.delete(address)
      return response
    } catch (error) {
      if (signal.aborted) throw stopped()
      if (!(error instanceof FreshetError && error.retryable)) throw error
      meter.retries++
      if (!superseded.signal.aborted) await this.#pause(call, ended)
      if (signal.aborted) throw stopped()
      return null
    } finally {
      superseded.abort(callEnded)
    }
  }

  /** Rejects with `stopped` when aborted. */
  async ownerOf(bucket: number, signal: AbortSignal): Promise<BucketOwner> {
    const { routes, meter } = this.#options
    const owner = routes.ownerOf(bucket)
    if (owner) return owner
    meter.waits++
    return await routes.claimAfter(bucket, -1, signal)
  }

  async close(): Promise<void> {
    await Promise.all([...this.#clients.values()].map((client) => client.close()))
  }

  async #newerClaim(epochByBucket: ReadonlyMap<number, number>, signal: AbortSignal): Promise<void> {
    const { routes } = this.#options
    await Promise.race([...epochByBucket].map(([bucket, epoch]) => routes.claimAfter(bucket, epoch, signal)))
  }

  /** Doubles with each failure in a row. Half of it is drawn, so that callers do not come back all at once. */
  async #pause({ address }: OwnerCall, ended: AbortSignal): Promise<void> {
    const { timers, randomness } = this.#options.runtime
    const failures = this.#failures.get(address) ?? 0
    this.#failures.set(address, failures + 1)
    const longestMs = Math.min(pauseMsMin * 2 ** Math.min(failures, 10), pauseMsMax)
    await timers.sleep(longestMs * (0.5 + randomness.seed() / 2 ** 33), ended).catch(() => {})
  }

  #clientOf(address: string, buckets: Iterable<number>): RpcClient {
    for (const bucket of buckets) {
      const before = this.#addressByBucket.get(bucket)
      if (before === address) continue
      this.#addressByBucket.set(bucket, address)
      if (before !== undefined) this.#release(before)
    }
    let client = this.#clients.get(address)
    if (!client) {
      client = this.#options.makeClient(address)
      this.#clients.set(address, client)
    }
    return client
  }

  /** Owners that own nothing any more are not asked again: a restarted one has another address or a newer claim. */
  #release(address: string): void {
    if ([...this.#addressByBucket.values()].includes(address)) return
    const client = this.#clients.get(address)
    this.#clients.delete(address)
    this.#failures.delete(address)
    void client?.close()
  }
}

export function stopped(): FreshetError {
  return new FreshetError('stopped', 'the pull was given up; pull again if its rows are still wanted')
}
