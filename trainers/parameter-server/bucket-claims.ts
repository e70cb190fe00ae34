// Who owns a bucket: the process whose claim is the newest in the bucket's partition of `snapshots.<model>`. A claim's
// offset is the owner's epoch; followers see every claim that the log holds, in its order.

import { decode, encode, recordTypeOf } from '../../schemas/codec.ts'
import { snapshotsOf } from '../../schemas/topics.ts'
import { type Log, offsetOf, partitionOf } from '../../streams/log/log.ts'
import { FreshetError } from '../../streams/runtime/errors.ts'
import type { Runtime } from '../../streams/runtime/runtime.ts'

export interface BucketClaim {
  readonly log: Pick<Log, 'append'>
  readonly runtime: Pick<Runtime, 'clock'>
  readonly model: string
  readonly bucket: number
  /** host:port where pulls are answered. */
  readonly address: string
}

/** Claims the bucket. Gives the epoch: the claim's offset, above that of every earlier claim. */
export async function claimBucket({ log, runtime, model, bucket, address }: BucketClaim): Promise<number> {
  const nowMs = runtime.clock.nowMs()
  const value = encode({ type: 'BucketClaimed', model, bucket, owner: address, eventTimeMs: nowMs })
  const partition = partitionOf(bucket)
  const [outcome] = await log.append(snapshotsOf(model), [
    { key: `claim/${bucket}`, value, timestampMs: nowMs, partition },
  ])
  return outcome!.offset
}

export interface BucketOwner {
  readonly address: string
  readonly epoch: number
}

export interface BucketRoutes {
  /** Owner by the newest claim read so far; null before the first. */
  ownerOf(bucket: number): BucketOwner | null
  /** Resolves once the bucket has an owner of an epoch above this (-1: any). Rejects with `stopped` when aborted or closed. */
  claimAfter(bucket: number, epoch: number, signal: AbortSignal): Promise<BucketOwner>
  close(): Promise<void>
}

export interface BucketRoutesOptions {
  readonly log: Pick<Log, 'topics' | 'openReader'>
  readonly runtime: Pick<Runtime, 'timers'>
  readonly model: string
}

const recordsPerRead = 256
const readWaitMs = 1_000
/** Between tries where the log is away or the topic is not there yet. */
const retryMs = 250

/** Follows the claims of all buckets of a model, from the earliest on, until closed. */
export function bucketRoutes(options: BucketRoutesOptions): BucketRoutes {
  const { log, runtime, model } = options
  const topic = snapshotsOf(model)
  const ownerByBucket = new Map<number, BucketOwner>()
  const waiters = new Set<() => void>()
  const control = new AbortController()
  const { signal: closed } = control

  function learn(value: Uint8Array | null, bucket: number, epoch: number): void {
    // Snapshots travel in the same topic: they are passed over without being decoded.
    if (value === null || recordTypeOf(value) !== 'BucketClaimed') return
    const record = decode(value)
    if (record.type !== 'BucketClaimed' || (ownerByBucket.get(bucket)?.epoch ?? -1) >= epoch) return
    ownerByBucket.set(bucket, { address: record.owner, epoch })
    for (const wake of [...waiters]) wake()
  }

  async function read(bucket: number, from: number): Promise<number> {
    const reader = await log.openReader({ topic, partition: partitionOf(bucket), from: offsetOf(from) })
    const stop = () => void reader.close()
    closed.addEventListener('abort', stop, { once: true })
    let next = from
    try {
      while (!closed.aborted) {
        const records = await reader.next({ recordsMax: recordsPerRead, waitMsMax: readWaitMs })
        for (const { value, offset } of records) {
          learn(value, bucket, offset)
          next = offset + 1
        }
      }
    } catch (error) {
      if (!(error instanceof FreshetError)) throw error
    } finally {
      closed.removeEventListener('abort', stop)
      await reader.close()
    }
    return next
  }

  const pause = () => runtime.timers.sleep(retryMs, closed).catch(() => {})

  async function follow(bucket: number): Promise<void> {
    for (let from = 0; !closed.aborted; await pause()) from = await read(bucket, from).catch(rethrowOthers(from))
  }

  async function followAll(): Promise<void> {
    for (; !closed.aborted; await pause()) {
      const specs = await log.topics().catch(rethrowOthers([]))
      const found = specs.find(({ name }) => name === topic)
      if (!found) continue
      await Promise.all(Array.from({ length: found.partitions }, (_, bucket) => follow(bucket)))
      return
    }
  }

  const following = followAll()
  return {
    ownerOf: (bucket) => ownerByBucket.get(bucket) ?? null,
    claimAfter: (bucket, epoch, signal) =>
      new Promise((resolve, reject) => {
        const ended = AbortSignal.any([signal, closed])
        const settle = () => {
          const owner = ownerByBucket.get(bucket)
          if (!ended.aborted && (!owner || owner.epoch <= epoch)) return
          waiters.delete(settle)
          ended.removeEventListener('abort', settle)
          if (owner && owner.epoch > epoch) resolve(owner)
          else reject(nobodyWaits)
        }
        waiters.add(settle)
        ended.addEventListener('abort', settle, { once: true })
        settle()
      }),
    async close() {
      control.abort()
      await following
    },
  }
}

/** One for all: every call to an owner ends such a wait, and an error is slow to make. */
const nobodyWaits = new FreshetError('stopped', 'nobody waits for the owner of this bucket any more')

/** Operating errors give `otherwise`: the caller tries again. */
function rethrowOthers<T>(otherwise: T): (error: unknown) => T {
  return (error) => {
    if (error instanceof FreshetError) return otherwise
    throw error
  }
}
