// Pulls rows and dense tensors from whoever owns their buckets: one call per owner at once, made again for as long as it
// takes, under the routes as they are by then. Rows come from the owner as they are; what was filled is not asked again.

import type { RpcClient } from '../../streams/rpc/rpc.ts'
import { assert } from '../../streams/runtime/errors.ts'
import type { Runtime } from '../../streams/runtime/runtime.ts'
import type { ModelSpec } from '../model/model-spec.ts'
import type { BucketRoutes } from './bucket-claims.ts'
import type { ParameterClient, RowPull } from './parameter-client.ts'
import { callEnded, PullCaller, stopped } from './pull-caller.ts'
import { type PullCounts, PullMeter } from './pull-counts.ts'
import { decodeDensePullResponse, encodeDensePullRequest } from './pull-dense-wire.ts'
import { densePullMethodOf, encodePullRequest, partsPerPullMax, pullMethodOf, readPullResponse } from './pull-wire.ts'

export interface ParameterClientOptions {
  readonly spec: Pick<ModelSpec, 'model' | 'tables'>
  /** Of the model's bucketing; null: the model has no dense tensors. */
  readonly denseBucket: number | null
  readonly routes: Pick<BucketRoutes, 'ownerOf' | 'claimAfter'>
  makeClient(address: string): RpcClient
  readonly runtime: Runtime
  /** Of one call to one owner. */
  readonly deadlineMs: number
  /** Values asked for in one call; more are asked in calls one after the other. */
  readonly valuesPerCallMax?: number
}

export interface RemoteParameterClient extends ParameterClient {
  counts(): PullCounts
  /** Pulls under way reject with `stopped`. */
  close(): Promise<void>
}

/** 4 MiB of response. */
const valuesPerCallMaxDefault = 1024 * 1024

interface Part extends RowPull {
  readonly dimension: number
}

/** Besides `stopped`, rejects where an owner refuses for good: both ends have other versions or specs. */
export function parameterClient(options: ParameterClientOptions): RemoteParameterClient {
  const { spec, routes, denseBucket, valuesPerCallMax = valuesPerCallMaxDefault } = options
  const dimensionByTable = new Map(spec.tables.map(({ name, dimension }) => [name, dimension]))
  const meter = new PullMeter()
  const caller = new PullCaller({ ...options, meter })
  const closed = new AbortController()

  function partsOf(pull: RowPull): Part[] {
    const { bucket, table, ids, out } = pull
    const dimension = dimensionByTable.get(table)
    assert(dimension !== undefined, `${spec.model} has a table ${table}`)
    assert(out.length === ids.length * dimension, `${ids.length} rows of ${table} fit ${out.length} values`)
    const rowsMax = Math.max(1, Math.floor(valuesPerCallMax / dimension))
    if (ids.length <= rowsMax) return [{ ...pull, dimension }]
    return Array.from({ length: Math.ceil(ids.length / rowsMax) }, (_, index) => {
      const [first, end] = [index * rowsMax, Math.min((index + 1) * rowsMax, ids.length)]
      const values = out.subarray(first * dimension, end * dimension)
      return { bucket, table, ids: ids.subarray(first, end), out: values, dimension }
    })
  }

  /** All parts of buckets that have one owner now, or none. Each turn of the loop fills some, or looks at the routes again. */
  async function fill(
    examplePartition: number,
    parts: readonly Part[],
    marks: Map<number, number>,
    signal: AbortSignal,
  ): Promise<void> {
    for (let rest = parts; rest.length > 0; ) {
      if (signal.aborted) throw stopped()
      const groups = byOwner(rest)
      if (groups.length > 1) {
        await Promise.all(groups.map((group) => fill(examplePartition, group, marks, signal)))
        return
      }
      const { address } = await caller.ownerOf(rest[0]!.bucket, signal)
      const asked = frontOf(rest, valuesPerCallMax)
      const epochs = asked.map(({ bucket }) => [bucket, routes.ownerOf(bucket)] as const)
      // While it waited for one bucket, others may have got owners of their own.
      if (epochs.some(([, owner]) => owner?.address !== address)) continue
      const call = {
        address,
        epochByBucket: new Map(epochs.map(([bucket, owner]) => [bucket, owner!.epoch])),
        method: pullMethodOf(spec.model),
        request: encodePullRequest(examplePartition, asked),
      }
      const response = await caller.call(call, signal)
      if (response === null) continue
      for (const [bucket, mark] of readPullResponse(response, asked)) marks.set(bucket, mark)
      rest = rest.slice(asked.length)
    }
  }

  function byOwner(parts: readonly Part[]): Part[][] {
    const groups = new Map<string | null, Part[]>()
    for (const part of parts) {
      const address = routes.ownerOf(part.bucket)?.address ?? null
      const group = groups.get(address)
      if (group) group.push(part)
      else groups.set(address, [part])
    }
    return [...groups.values()]
  }

  return {
    async pull(examplePartition, pulls, signal) {
      const failed = new AbortController()
      const marks = new Map<number, number>()
      try {
        const either = AbortSignal.any([signal, failed.signal, closed.signal])
        await fill(examplePartition, pulls.flatMap(partsOf), marks, either)
      } catch (error) {
        throw signal.aborted || closed.signal.aborted ? stopped() : error
      } finally {
        failed.abort(callEnded)
      }
      return marks
    },

    async pullDense(examplePartition, knownVersion, signal) {
      assert(denseBucket !== null, `${spec.model} has dense tensors`)
      const request = encodeDensePullRequest({ bucket: denseBucket, examplePartition, knownVersion })
      const either = AbortSignal.any([signal, closed.signal])
      for (;;) {
        if (either.aborted) throw stopped()
        const { address, epoch } = await caller.ownerOf(denseBucket, either)
        const epochByBucket = new Map([[denseBucket, epoch]])
        const call = { address, epochByBucket, method: densePullMethodOf(spec.model), request }
        const response = await caller.call(call, either)
        if (response === null) continue
        const { mark, newer } = decodeDensePullResponse(response)
        return newer && { ...newer, folded: mark }
      }
    },

    counts: () => meter.counts(),
    close() {
      closed.abort(callEnded)
      return caller.close()
    },
  }
}

/** The longest beginning that fits one call; at least one part. */
function frontOf(parts: readonly Part[], valuesMax: number): readonly Part[] {
  let values = 0
  let count = 0
  while (count < parts.length && count < partsPerPullMax) {
    values += parts[count]!.out.length
    if (count > 0 && values > valuesMax) break
    count++
  }
  return parts.slice(0, count)
}
