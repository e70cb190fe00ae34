// Answers pulls for the buckets that this process owns, from their tables as they are. A pull changes nothing, is refused
// with `bucket-moved` where the bucket is not owned (any more), and never holds the thread for long.

import type { RpcCall, RpcMethod } from '../../streams/rpc/rpc.ts'
import { assert, FreshetError } from '../../streams/runtime/errors.ts'
import { nextTurn } from '../../streams/runtime/next-turn.ts'
import type { DenseParameter } from '../model/model.ts'
import type { ModelSpec } from '../model/model-spec.ts'
import type { Table } from '../table/table.ts'
import { decodeDensePullRequest, encodeDensePullResponse } from './pull-dense-wire.ts'
import {
  decodePullRequest,
  densePullMethodOf,
  type PullPart,
  type PullRequest,
  pullMethodOf,
  pullResponse,
  refuse,
} from './pull-wire.ts'

/** What a pull asks of the owner of a bucket. */
export interface PulledShard {
  readonly tables: ReadonlyMap<string, Table>
  readonly dense: ReadonlyMap<string, DenseParameter>
  /** Above that of every earlier state of `dense`. */
  readonly denseVersion: number
  /** End of the newest range of this example partition that was folded; 0: none. */
  markOf(examplePartition: number): number
}

export interface PullMethodsOptions {
  readonly spec: Pick<ModelSpec, 'model' | 'tables'>
  /** Null where this process does not own the bucket, or has not restored it yet. */
  ownedBy(bucket: number): PulledShard | null
  /** Values copied before others get their turn. The default is well under a millisecond's work. */
  readonly valuesPerSliceMax?: number
  /** Values in one response. */
  readonly valuesPerPullMax?: number
}

/** 32 MiB, half of what a message may hold. */
export const valuesPerPullMaxDefault = 8 * 1024 * 1024

export function pullMethods(options: PullMethodsOptions): Record<string, RpcMethod> {
  const { spec, ownedBy } = options
  const { valuesPerSliceMax = 65_536, valuesPerPullMax = valuesPerPullMaxDefault } = options
  const dimensionByTable = new Map(spec.tables.map(({ name, dimension }) => [name, dimension]))

  function shardOf(bucket: number): PulledShard {
    const shard = ownedBy(bucket)
    if (shard) return shard
    throw moved(spec.model, bucket)
  }

  /** How many values are asked for. */
  function checked({ parts }: PullRequest): number {
    let values = 0
    for (const [index, { table, dimension, ids }] of parts.entries()) {
      const own = dimensionByTable.get(table)
      if (own === undefined) refuse(`parts[${index}].table`, `${spec.model} has no table ${JSON.stringify(table)}`)
      if (own !== dimension) refuse(`parts[${index}].dimension`, `${dimension}, table ${table} has ${own}`)
      values += ids.length * dimension
    }
    if (values > valuesPerPullMax) refuse('parts', `${values} values, at most ${valuesPerPullMax}`)
    return values
  }

  async function pull(bytes: Uint8Array, { signal }: RpcCall): Promise<Uint8Array> {
    const request = decodePullRequest(bytes)
    const valueCount = checked(request)
    const shardByBucket = new Map(request.parts.map(({ bucket }) => [bucket, shardOf(bucket)]))
    // Taken before the rows: what they say is in the rows.
    const marks = [...shardByBucket].map(([bucket, shard]) => [bucket, shard.markOf(request.examplePartition)] as const)
    const response = pullResponse(new Map(marks), valueCount)
    let room = valuesPerSliceMax
    let filled = 0
    for (const part of request.parts) {
      for (let first = 0; first < part.ids.length; ) {
        if (room < part.dimension) {
          await nextTurn()
          signal.throwIfAborted()
          room = Math.max(valuesPerSliceMax, part.dimension)
        }
        const shard = shardOf(part.bucket)
        // Another life of the bucket may be behind the marks that were taken.
        if (shard !== shardByBucket.get(part.bucket)) throw moved(spec.model, part.bucket)
        const count = Math.min(part.ids.length - first, Math.floor(room / part.dimension))
        copyRows(shard, part, first, count, response.values.subarray(filled, filled + count * part.dimension))
        first += count
        filled += count * part.dimension
        room -= count * part.dimension
      }
    }
    return response.bytes
  }

  async function pullDense(bytes: Uint8Array): Promise<Uint8Array> {
    const { bucket, examplePartition, knownVersion } = decodeDensePullRequest(bytes)
    const shard = shardOf(bucket)
    const { dense, denseVersion: version } = shard
    const newer = version > knownVersion ? { version, dense } : null
    return encodeDensePullResponse({ mark: shard.markOf(examplePartition), newer })
  }

  return { [pullMethodOf(spec.model)]: pull, [densePullMethodOf(spec.model)]: pullDense }
}

function moved(model: string, bucket: number): FreshetError {
  return new FreshetError('bucket-moved', `${model}/${bucket} is not owned here; look up its owner and ask again`, {
    details: { model, bucket },
  })
}

function copyRows(shard: PulledShard, part: PullPart, first: number, count: number, out: Float32Array): void {
  const table = shard.tables.get(part.table)
  assert(table, `bucket ${part.bucket} holds table ${part.table}`)
  table.pull(part.ids.subarray(first, first + count), count, out)
}
