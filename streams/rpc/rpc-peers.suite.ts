// What every driver of the remote-call port does when one of the two ends closes, is away, or is back.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { answerOf, bytesOf, deadlineMs, pairOf, type RpcDriver, textOf } from './rpc-suite-fixtures.ts'

export function describeRpcPeers(driver: RpcDriver): void {
  describe(`remote calls, peers come and go: ${driver.name}`, () => {
    it('says at once that nobody listens, long before the deadline', async (t) => {
      const { server, client } = await pairOf(driver, t, { echo: async (request) => request })
      await client.call('echo', bytesOf('1'), { deadlineMs })
      await server.close()
      // A deadline that would outlive the test's own time.
      for (let round = 0; round < 5; round++) {
        await assert.rejects(client.call('echo', bytesOf('2'), { deadlineMs: 3_600_000 }), { code: 'peer-unavailable' })
      }
      const stranger = driver.connect(server.address)
      t.after(() => stranger.close())
      await assert.rejects(stranger.call('echo', bytesOf('3'), { deadlineMs: 3_600_000 }), { code: 'peer-unavailable' })
    })

    it('connects again by itself when the peer is back at its address', async (t) => {
      const { server, client } = await pairOf(driver, t, { echo: async (request) => request })
      await client.call('echo', bytesOf('1'), { deadlineMs })
      const port = Number(server.address.split(':').at(-1))
      await server.close()
      await assert.rejects(client.call('echo', bytesOf('2'), { deadlineMs }), { code: 'peer-unavailable' })
      const second = await driver.listen({ host: '127.0.0.1', port, methods: { echo: async () => bytesOf('back') } })
      t.after(() => second.close())
      assert.equal(second.address, server.address)
      assert.equal(await answerOf(client, 'echo'), 'back')
    })

    it('lets calls under way finish when the server closes, and takes no others', async (t) => {
      const { promise: arrived, resolve: arrive } = Promise.withResolvers<void>()
      const { promise: released, resolve: release } = Promise.withResolvers<void>()
      const { server, client } = await pairOf(driver, t, {
        slow: async (request) => {
          arrive()
          await released
          return request
        },
      })
      const call = client.call('slow', bytesOf('kept'), { deadlineMs })
      await arrived
      const closed = server.close()
      await assert.rejects(client.call('slow', bytesOf('late'), { deadlineMs }), { code: 'peer-unavailable' })
      release()
      assert.equal(textOf(await call), 'kept')
      await closed
      await server.close()
    })

    it('gives up calls under way when the client closes, and takes none after', async (t) => {
      const { promise: arrived, resolve: arrive } = Promise.withResolvers<void>()
      const { client } = await pairOf(driver, t, {
        never: () => {
          arrive()
          return new Promise(() => {})
        },
      })
      const call = client.call('never', bytesOf(''), { deadlineMs })
      const rejected = assert.rejects(call, { code: 'stopped' })
      await arrived
      await client.close()
      await rejected
      await assert.rejects(client.call('never', bytesOf(''), { deadlineMs }), { code: 'stopped' })
      await client.close()
    })

    it('refuses an address that is taken', async (t) => {
      const { server } = await pairOf(driver, t, {})
      const port = Number(server.address.split(':').at(-1))
      await assert.rejects(driver.listen({ host: '127.0.0.1', port, methods: {} }), { code: 'config-invalid' })
    })
  })
}
