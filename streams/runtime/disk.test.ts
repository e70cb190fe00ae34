// Both disks do the same; the simulated one forgets what a real one may forget.
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import type { Disk } from './disk.ts'
import { simulatedDisk } from './simulated-disk.ts'
import { systemDisk } from './system-disk.ts'
import { readWhole, writeAtomically } from './write-atomically.ts'

const folder = mkdtempSync(join(tmpdir(), 'freshet-disk-'))
after(() => rmSync(folder, { recursive: true, force: true }))

const disks: [string, Disk, string][] = [
  ['system', systemDisk, join(folder, 'deep/er')],
  ['simulated', simulatedDisk(), '/deep/er'],
]

for (const [name, disk, root] of disks) {
  describe(`disk: ${name}`, () => {
    it('appends, reads anywhere, truncates, and keeps the bytes', async () => {
      await disk.makeDirectory(root)
      await disk.makeDirectory(root)
      const file = await disk.open(`${root}/a`, 'write')
      await file.append([Buffer.from('hello '), Buffer.alloc(0), Buffer.from('world')])
      await file.append([Buffer.from('!')])
      await file.sync()
      assert.equal(file.sizeBytes, 12)
      assert.equal((await file.read(6, 5)).toString(), 'world')
      assert.equal((await file.read(10, 100)).toString(), 'd!')
      await file.truncate(5)
      await file.append([Buffer.from('?')])
      await file.close()
      const again = await disk.open(`${root}/a`, 'read')
      assert.equal((await again.read(0, again.sizeBytes)).toString(), 'hello?')
      await again.close()
      await assert.rejects(disk.open(`${root}/b`, 'read'), { code: 'ENOENT' })
    })

    it('writes more pieces than one system call takes', async () => {
      const file = await disk.open(`${root}/pieces`, 'write')
      await file.append(Array.from({ length: 3000 }, (_, index) => Buffer.from([index & 255])))
      assert.equal(file.sizeBytes, 3000)
      assert.equal((await file.read(2999, 1))[0], 2999 & 255)
      await file.close()
    })

    it('lists, renames and removes', async () => {
      const place = `${root}/listing`
      await disk.makeDirectory(`${place}/inner`)
      for (const entry of ['c', 'b']) await (await disk.open(`${place}/${entry}`, 'write')).close()
      await disk.rename(`${place}/c`, `${place}/a`)
      await disk.syncDirectory(place)
      assert.deepEqual(await disk.list(place), ['a', 'b', 'inner/'])
      await disk.remove(`${place}/a`)
      await disk.remove(`${place}/a`)
      assert.deepEqual(await disk.list(place), ['b', 'inner/'])
      assert.deepEqual(await disk.list(`${root}/nowhere`), [])
    })

    it('replaces a file whole', async () => {
      await writeAtomically(disk, `${root}/state`, Buffer.from('long before'))
      await writeAtomically(disk, `${root}/state`, Buffer.from('after'))
      assert.equal((await readWhole(disk, `${root}/state`))?.toString(), 'after')
      assert.equal(await readWhole(disk, `${root}/none`), null)
    })

    it('gives a folder to one owner at a time', async () => {
      const locks = await Promise.all([disk.lock(root), disk.lock(root), disk.lock(root)])
      const held = locks.filter((lock) => lock !== null)
      assert.ok(held.length <= 1)
      for (const lock of held) await lock.release()
      const next = await disk.lock(root)
      assert.ok(next)
      assert.equal(await disk.lock(root), null)
      await next.release()
    })
  })
}

it('the simulated disk loses what was not synced, never what was', async () => {
  const sizes = new Set<number>()
  for (let seed = 0; seed < 40; seed++) {
    const disk = simulatedDisk()
    await disk.makeDirectory('/a')
    const file = await disk.open('/a/f', 'write')
    await disk.syncDirectory('/a')
    await file.append([Buffer.alloc(100, 1)])
    await file.sync()
    await file.append([Buffer.alloc(100, 2)])
    disk.crash()
    await assert.rejects(file.read(0, 1), { code: 'EIO' })
    disk.restart(seed)
    const bytes = disk.peek('/a/f')
    assert.ok(bytes.length >= 100 && bytes.subarray(0, 100).every((byte) => byte === 1))
    sizes.add(bytes.length)
    await assert.rejects(file.append([Buffer.alloc(1)]), { code: 'EIO' })
  }
  assert.ok(sizes.size > 10)
})

it('the simulated disk refuses the writes it is told to, half done, and no others', async () => {
  const disk = simulatedDisk()
  await disk.makeDirectory('/a')
  const file = await disk.open('/a/f', 'write')
  disk.refuseWrites(1, 2)
  await file.append([Buffer.alloc(10, 1)])
  await assert.rejects(file.append([Buffer.alloc(10, 2)]), { code: 'ENOSPC' })
  assert.equal(disk.peek('/a/f').length, 15)
  await assert.rejects(disk.open('/a/g', 'write'), { code: 'ENOSPC' })
  assert.deepEqual(await disk.list('/a'), ['f'])
  await disk.open('/a/g', 'write')
  await file.append([Buffer.alloc(1, 3)])
})
