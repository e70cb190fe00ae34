// What every blob store does.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { BlobStore } from './blob-store.ts'

const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text)

/** `makeStore` gives a new empty store each time. */
export function describeBlobStore(name: string, makeStore: () => Promise<BlobStore>): void {
  describe(`blob store: ${name}`, () => {
    it('returns the bytes that were put, also none', async () => {
      const store = await makeStore()
      await store.put('snapshots/counts/0.bin', bytesOf('abc'))
      await store.put('empty', new Uint8Array())
      assert.deepEqual(Buffer.from(await store.get('snapshots/counts/0.bin')), Buffer.from('abc'))
      assert.equal((await store.get('empty')).byteLength, 0)
    })

    it('replaces a blob, with shorter bytes too', async () => {
      const store = await makeStore()
      await store.put('a', bytesOf('longer bytes'))
      await store.put('a', bytesOf('short'))
      assert.deepEqual(Buffer.from(await store.get('a')), Buffer.from('short'))
    })

    it('keeps what it returned and what it was given apart from what it holds', async () => {
      const store = await makeStore()
      const given = bytesOf('abc')
      await store.put('a', given)
      given[0] = 0
      ;(await store.get('a'))[1] = 0
      assert.deepEqual(Buffer.from(await store.get('a')), Buffer.from('abc'))
    })

    it('rejects a missing blob with blob-missing', async () => {
      const store = await makeStore()
      await assert.rejects(store.get('nothing'), { code: 'blob-missing' })
      await store.put('a', bytesOf('x'))
      await store.delete('a')
      await assert.rejects(store.get('a'), { code: 'blob-missing' })
      await store.delete('a')
      await store.delete('never/was/there')
    })

    it('lists by prefix, sorted, whole and within a part', async () => {
      const store = await makeStore()
      for (const name of ['b/2', 'b/10', 'a/1', 'b', 'bc/1', 'b/2/deep']) await store.put(name, bytesOf(name))
      assert.deepEqual(await store.list(''), ['a/1', 'b', 'b/10', 'b/2', 'b/2/deep', 'bc/1'])
      assert.deepEqual(await store.list('b/'), ['b/10', 'b/2', 'b/2/deep'])
      assert.deepEqual(await store.list('b'), ['b', 'b/10', 'b/2', 'b/2/deep', 'bc/1'])
      assert.deepEqual(await store.list('b/1'), ['b/10'])
      assert.deepEqual(await store.list('c'), [])
    })

    it('refuses names that are no names', async () => {
      const store = await makeStore()
      for (const name of ['', '/a', 'a/', 'a//b', '../a', 'a/./b', 'a b', 'ä', 'a+']) {
        await assert.rejects(store.put(name, bytesOf('x')), { code: 'usage' }, name)
      }
    })

    it('takes puts to one name at once: one of them wins whole', async () => {
      const store = await makeStore()
      const texts = Array.from({ length: 8 }, (_, index) => String(index).repeat(1000 + index))
      await Promise.all(texts.map((text) => store.put('a', bytesOf(text))))
      assert.ok(texts.includes(Buffer.from(await store.get('a')).toString()))
    })
  })
}
