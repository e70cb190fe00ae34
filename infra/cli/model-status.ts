// How the parameters of each bucket stand: as the owner says now, or, where nobody answers, as its newest checkpoint says.
import { decode, recordTypeOf } from '../../schemas/codec.ts'
import { snapshotsOf } from '../../schemas/topics.ts'
import { type Log, partitionOf } from '../../streams/log/log.ts'
import { checkpointHeader, checkpointState, listCheckpoints } from '../../streams/processor/checkpoint.ts'
import { grpcRpcClient } from '../../streams/rpc/grpc-rpc.ts'
import type { Runtime } from '../../streams/runtime/runtime.ts'
import type { BlobStore } from '../../streams/stores/blob-store.ts'
import { ownedStateOf } from '../../trainers/parameter-server/owned-bucket.ts'
import type { Hold } from '../../trainers/parameter-server/publication-guard.ts'
import type { Config } from '../config/config.ts'
import { samplesOf } from '../processes/metrics-text.ts'
import { type BucketStatus, shardStatusMethod } from '../processes/owner-status.ts'
import type { ParameterFold } from '../processes/parameter-folds.ts'
import { readRunning } from '../processes/running-file.ts'
import { bytesOf } from './snapshot-list.ts'

export interface ModelBucket {
  readonly model: string
  readonly bucket: number
  /** host:port of the owner by the newest claim; null in lockstep, and before the first. */
  readonly owner: string | null
  readonly epoch: number | null
  /** The owner answered; else the rest is as of its newest checkpoint. */
  readonly live: boolean
  readonly version: number
  readonly lineage: number
  readonly held: Pick<Hold, 'reason'> | null
  /** Next input offset. */
  readonly next: number
}

export interface StatusSources {
  readonly config: Config
  readonly log: Log
  readonly blobs: BlobStore
  readonly runtime: Runtime
}

const askMsMax = 2_000

export async function modelBuckets(folds: readonly ParameterFold[], sources: StatusSources): Promise<ModelBucket[]> {
  const isLockstep = sources.config.learning.mode === 'lockstep'
  const claims = await Promise.all(folds.map((fold) => (isLockstep ? null : newestClaim(fold, sources.log))))
  const live = isLockstep ? await fromMetrics(sources.config) : await fromOwners(claims, sources.runtime)
  const buckets: ModelBucket[] = []
  for (const [index, fold] of folds.entries()) {
    const { model, bucket } = fold
    const claim = claims[index] ?? null
    const told = live.find((one) => one.model === model && one.bucket === bucket)
    const { version, lineage, held, next } = told ?? (await fromCheckpoint(fold, sources.blobs))
    const owner = claim && { owner: claim.owner, epoch: claim.epoch }
    const whose = owner ?? { owner: null, epoch: null }
    buckets.push({ model, bucket, ...whose, live: told !== undefined, version, lineage, held, next })
  }
  return buckets
}

type Told = Pick<BucketStatus, 'model' | 'bucket' | 'version' | 'lineage' | 'next'> & Pick<ModelBucket, 'held'>

interface Claim {
  readonly owner: string
  readonly epoch: number
}

async function newestClaim({ model, bucket }: ParameterFold, log: Log): Promise<Claim | null> {
  const place = { topic: snapshotsOf(model), partition: partitionOf(bucket) }
  const { earliest, latest } = await log.bounds(place)
  const reader = await log.openReader({ ...place, from: earliest })
  let claim: Claim | null = null
  try {
    while (reader.position < latest) {
      const records = await reader.next({ recordsMax: 1_000, waitMsMax: 1_000 })
      if (records.length === 0) break
      for (const { value, offset } of records) {
        if (value === null || recordTypeOf(value) !== 'BucketClaimed') continue
        const record = decode(value)
        if (record.type === 'BucketClaimed') claim = { owner: record.owner, epoch: offset }
      }
    }
  } finally {
    await reader.close()
  }
  return claim
}

/** What owners say of the buckets that they were the last to claim; nothing of those that do not answer. */
async function fromOwners(claims: readonly (Claim | null)[], runtime: Runtime): Promise<Told[]> {
  const addresses = new Set(claims.flatMap((claim) => claim?.owner ?? []))
  const told = await Promise.all(
    [...addresses].map(async (address) => {
      const client = grpcRpcClient({ address, runtime })
      try {
        const bytes = await client.call(shardStatusMethod, new Uint8Array(0), { deadlineMs: askMsMax })
        return JSON.parse(new TextDecoder().decode(bytes)) as BucketStatus[]
      } catch {
        return []
      } finally {
        await client.close()
      }
    }),
  )
  return told.flat()
}

async function fromMetrics({ dataDir }: Config): Promise<Told[]> {
  const running = readRunning(dataDir)
  if (running === null) return []
  const text = await fetch(running.metrics)
    .then((response) => response.text())
    .catch(() => '')
  const gaugeOf = (name: string, model: string, bucket: string) =>
    samplesOf(text, `freshet_${name}`).find(
      ({ labels }) => labels.get('model') === model && labels.get('bucket') === bucket,
    )?.value ?? 0
  return samplesOf(text, 'freshet_shard_version').map(({ labels, value }) => {
    const [model, bucket] = [labels.get('model')!, labels.get('bucket')!]
    const held = samplesOf(text, 'freshet_publication_held').find(
      (one) => one.value === 1 && one.labels.get('model') === model && one.labels.get('bucket') === bucket,
    )
    return {
      model,
      bucket: Number(bucket),
      version: value,
      lineage: gaugeOf('shard_lineage', model, bucket),
      next: gaugeOf('shard_next_offset', model, bucket),
      held: held ? { reason: held.labels.get('reason') as Hold['reason'] } : null,
    }
  })
}

/** Versions of -1 and offsets of 0 where there is no checkpoint. */
async function fromCheckpoint(fold: ParameterFold, blobs: BlobStore): Promise<Told> {
  const { model, bucket } = fold
  for (const blob of (await listCheckpoints(blobs, fold.owner)).reverse()) {
    const bytes = await bytesOf(blobs, blob)
    if (bytes === null) continue
    try {
      const { version, lineage, held } = ownedStateOf(checkpointState(bytes))
      return { model, bucket, version, lineage, held, next: checkpointHeader(bytes).next }
    } catch (error) {
      if (!(error instanceof RangeError)) throw error
    }
  }
  return { model, bucket, version: -1, lineage: 0, held: null, next: 0 }
}
