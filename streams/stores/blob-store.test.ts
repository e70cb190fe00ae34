// The embedded blob stores against the suite, and the folder's promise about crashes.
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import { simulatedDisk } from '../runtime/simulated-disk.ts'
import { systemDisk } from '../runtime/system-disk.ts'
import { describeBlobStore } from './blob-store.suite.ts'
import { folderBlobStore } from './folder-blob-store.ts'
import { memoryBlobStore } from './memory-blob-store.ts'

const folder = mkdtempSync(join(tmpdir(), 'freshet-blobs-'))
after(() => rmSync(folder, { recursive: true, force: true }))
let stores = 0

describeBlobStore('memory', async () => memoryBlobStore())
describeBlobStore('folder', async () => folderBlobStore(systemDisk, join(folder, String(stores++))))
describeBlobStore('folder on a simulated disk', async () => folderBlobStore(simulatedDisk(), '/blobs'))

describe('folder blob store under crashes', () => {
  const ways: readonly [string, (bytes: Buffer) => Buffer | Buffer[]][] = [
    ['whole', (bytes) => bytes],
    ['in parts', (bytes) => [0, 1, 2, 3].map((part) => bytes.subarray(part * 5000, part * 5000 + 5000))],
  ]
  for (const [way, partsOf] of ways)
    it(`put ${way}, holds the old bytes or the new ones, and the new ones once put resolved`, async () => {
      for (let operations = 0; operations < 32; operations++) {
        const disk = simulatedDisk()
        const before = folderBlobStore(disk, '/blobs')
        await before.put('state', Buffer.alloc(9000, 1))
        disk.crashAfter(operations)
        const resolved = await before.put('state', partsOf(Buffer.alloc(20_000, 2))).then(
          () => true,
          () => false,
        )
        disk.crash()
        disk.restart(operations)
        const after = folderBlobStore(disk, '/blobs')
        const bytes = await after.get('state')
        const isNew = bytes.length === 20_000 && bytes.every((byte) => byte === 2)
        const isOld = bytes.length === 9000 && bytes.every((byte) => byte === 1)
        assert.ok(isNew || (isOld && !resolved), `after ${operations} operations: ${bytes.length} bytes, ${resolved}`)
        await after.put('state', Buffer.alloc(10, 3))
        assert.deepEqual(await after.list(''), ['state'])
      }
    })

  it('clears what its own writer left, and nothing of another that writes at the same time', async () => {
    const disk = simulatedDisk()
    const [one, other] = ['one', 'other'].map((writer) => folderBlobStore(disk, '/blobs', writer))
    await one!.put('a', Buffer.alloc(10, 1))
    await disk.open('/blobs/writing/one/left', 'write')
    await other!.put('b', Buffer.alloc(10, 2))
    assert.deepEqual(await disk.list('/blobs/writing/one'), ['left'])
    await folderBlobStore(disk, '/blobs', 'one').put('c', Buffer.alloc(10, 3))
    assert.deepEqual(await disk.list('/blobs/writing/one'), [])
    assert.deepEqual(await one!.list(''), ['a', 'b', 'c'])
  })

  it('reports a full disk and leaves the old bytes', async () => {
    const disk = simulatedDisk()
    const store = folderBlobStore(disk, '/blobs')
    await store.put('state', Buffer.alloc(100, 1))
    disk.limitBytes(1000)
    await assert.rejects(store.put('state', Buffer.alloc(5000, 2)), { code: 'ENOSPC' })
    assert.equal((await store.get('state')).length, 100)
    const parts = Array.from({ length: 5 }, () => Buffer.alloc(300, 2))
    await assert.rejects(store.put('state', parts), { code: 'ENOSPC' })
    assert.deepEqual(await disk.list('/blobs/writing/only'), [])
    await store.put('state', Buffer.alloc(200, 3))
  })
})
