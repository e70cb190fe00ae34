// What every blob store does.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { nextTurn } from '../runtime/next-turn.ts'
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

    it('joins the parts that a blob is put in, however they come', async () => {
      const store = await makeStore()
      async function* slowly(texts: readonly string[]): AsyncGenerator<Uint8Array> {
        for (const text of texts) {
          await nextTurn()
          yield bytesOf(text)
        }
      }
      await store.put('a', ['ab', '', 'c'].map(bytesOf))
      await store.put('b', slowly(['de', 'f', '']))
      await store.put('none', [])
      assert.deepEqual(
        await Promise.all(['a', 'b', 'none'].map(async (name) => Buffer.from(await store.get(name)).toString())),
        ['abc', 'def', ''],
      )
      const texts = Array.from({ length: 5 }, (_, index) => Array.from({ length: index + 2 }, () => String(index)))
      await Promise.all(texts.map((parts) => store.put('a', slowly(parts))))
      const won = Buffer.from(await store.get('a')).toString()
      assert.ok(texts.some((parts) => parts.join('') === won))
    })

    it('takes the next part only when it is done with the one before', async () => {
      const store = await makeStore()
      function* reused(): Generator<Uint8Array> {
        const part = new Uint8Array(3)
        for (let round = 1; round <= 3; round++) yield part.fill(round)
      }
      await store.put('a', reused())
      assert.deepEqual([...(await store.get('a'))], [1, 1, 1, 2, 2, 2, 3, 3, 3])
    })

    it('leaves what was there, or nothing, where the parts end with an error', async () => {
      const store = await makeStore()
      function* breaking(): Generator<Uint8Array> {
        yield bytesOf('half')
        throw new Error('planted')
      }
      await store.put('a', bytesOf('old'))
      await assert.rejects(store.put('a', breaking()), /planted/)
      await assert.rejects(store.put('b', breaking()), /planted/)
      assert.equal(Buffer.from(await store.get('a')).toString(), 'old')
      assert.deepEqual(await store.list(''), ['a'])
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
