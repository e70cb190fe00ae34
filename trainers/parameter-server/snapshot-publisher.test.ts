// However a publisher is killed and its shard resumed, what the newest record names is there, whole.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { decode } from '../../schemas/codec.ts'
import type { SnapshotTaken } from '../../schemas/generated.ts'
import { checksum } from '../../schemas/ids.ts'
import type { NewRecord } from '../../streams/log/log.ts'
import { simulatedRuntime } from '../../streams/runtime/simulated-runtime.ts'
import type { BlobStore } from '../../streams/stores/blob-store.ts'
import { memoryBlobStore } from '../../streams/stores/memory-blob-store.ts'
import { sampleSpec } from '../model/sample-features.ts'
import { mapTable } from '../table/map-table.ts'
import { ParameterShard } from './parameter-shard.ts'
import { snapshotPublisher } from './snapshot-publisher.ts'

const dimension = 4
const newShard = () => new ParameterShard({ spec: sampleSpec, tableFactory: mapTable })

function push(shard: ParameterShard, id: bigint): void {
  shard.push('item', BigUint64Array.of(id), 1, new Float32Array(dimension).fill(1), Float64Array.of(5))
}

function learn(shard: ParameterShard, version: number): ParameterShard {
  push(shard, BigInt(version))
  shard.takeDelta({ version, trainedThrough: {}, eventTimeMs: version, receivedTimes: [] })
  return shard
}

function resumed(dump: Uint8Array): ParameterShard {
  const shard = newShard()
  shard.load(dump)
  return shard
}

class Records {
  readonly taken: SnapshotTaken[] = []
  isAway = false

  async append(_: string, records: readonly NewRecord[]) {
    if (this.isAway) throw new Error('killed before the record was there')
    for (const { value } of records) this.taken.push(decode(value!) as SnapshotTaken)
    return []
  }

  async assertNewestIsThere(blobs: BlobStore): Promise<void> {
    const newest = this.taken.at(-1)!
    assert.equal(checksum(await blobs.get(newest.blob)), newest.checksum)
  }
}

describe('snapshot publisher', () => {
  const runtime = simulatedRuntime(1)

  test('keeps the newest two, and publishes nothing where nothing changed', async () => {
    const [blobs, log, shard] = [memoryBlobStore(), new Records(), newShard()]
    const publisher = snapshotPublisher({ shard, log, blobs, runtime })
    assert.equal(await publisher.publish({}), null)
    for (const version of [3, 20, 100]) {
      learn(shard, version)
      assert.match((await publisher.publish({ 'examples/0': version }))!, new RegExp(`/0*${version}-`))
      assert.equal(await publisher.publish({}), null)
    }
    assert.deepEqual(
      await blobs.list('snapshots/'),
      log.taken.slice(1).map(({ blob }) => blob),
    )
    await log.assertNewestIsThere(blobs)
  })

  test('a shard that resumes at a named version with more learned leaves what is named', async () => {
    const [blobs, log] = [memoryBlobStore(), new Records()]
    const shard = learn(newShard(), 3)
    await snapshotPublisher({ shard, log, blobs, runtime }).publish({})
    push(shard, 4n)
    log.isAway = true
    const again = snapshotPublisher({ shard: resumed(shard.dump()), log, blobs, runtime })
    await assert.rejects(again.publish({}), /killed/)
    await log.assertNewestIsThere(blobs)
  })

  test('a shard that resumes before the versions of an earlier life keeps the snapshot it names', async () => {
    const [blobs, log] = [memoryBlobStore(), new Records()]
    const shard = learn(newShard(), 3)
    const checkpoint = shard.dump()
    const publisher = snapshotPublisher({ shard, log, blobs, runtime })
    for (const version of [20, 100]) {
      learn(shard, version)
      await publisher.publish({})
    }
    await snapshotPublisher({ shard: resumed(checkpoint), log, blobs, runtime }).publish({})
    assert.equal(log.taken.at(-1)!.version, 3)
    await log.assertNewestIsThere(blobs)
    assert.equal((await blobs.list('snapshots/')).length, 2)
  })
})
