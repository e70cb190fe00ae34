// What every driver of the remote-call port does between two ends in one process.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { describe, it } from 'node:test'
import { FreshetError } from '../runtime/errors.ts'
import type { RpcCall } from './rpc.ts'
import { bytesOf, deadlineMs, pairOf, type RpcDriver, textOf } from './rpc-suite-fixtures.ts'

export function describeRpc(driver: RpcDriver): void {
  describe(`remote calls: ${driver.name}`, () => {
    it('carries bytes both ways as they are, also none', async (t) => {
      const seen: number[] = []
      const { client } = await pairOf(driver, t, {
        echo: async (request) => {
          seen.push(request.byteLength)
          return request
        },
      })
      const large = Uint8Array.from({ length: 3_000_001 }, (_, index) => index * 31)
      for (const bytes of [new Uint8Array(0), Uint8Array.of(0, 255), large, large.subarray(7, 100_000)]) {
        const answer = await client.call('echo', bytes, { deadlineMs })
        assert.ok(Buffer.from(answer).equals(bytes), `${bytes.byteLength} bytes`)
      }
      assert.deepEqual(seen, [0, 2, 3_000_001, 99_993])
    })

    it('takes method names as they are given and tells calls at once apart', async (t) => {
      const { client } = await pairOf(driver, t, {
        'pull.for-you': async (request) => bytesOf(`pull ${textOf(request)}`),
        feed: async (request) => bytesOf(`feed ${textOf(request)}`),
      })
      const calls = Array.from({ length: 100 }, async (_, index) => {
        const method = index % 2 === 0 ? 'feed' : 'pull.for-you'
        const answer = await client.call(method, bytesOf(String(index)), { deadlineMs })
        assert.equal(textOf(answer), `${index % 2 === 0 ? 'feed' : 'pull'} ${index}`)
      })
      await Promise.all(calls)
      await assert.rejects(client.call('nothing', bytesOf(''), { deadlineMs }), { code: 'usage', message: /nothing/ })
    })

    it('gives the error that the method threw, with code, message and details', async (t) => {
      const details = { bucket: 7, owner: { address: 'h:1' }, text: 'Größe ∞' }
      const { client } = await pairOf(driver, t, {
        moved: async () => {
          throw new FreshetError('bucket-moved', 'Eimer 7 ist fort → frag anderswo', { details })
        },
        enormous: async () => {
          throw new FreshetError('overloaded', 'm'.repeat(100_000), { details: { text: 'd'.repeat(100_000) } })
        },
        circular: async () => {
          const knot: Record<string, unknown> = { large: 1n }
          knot.knot = knot
          throw new FreshetError('stopped', 'it ends', { details: knot })
        },
        broken: async () => {
          throw new TypeError('x is not a function')
        },
        immediate: () => {
          throw new FreshetError('shard-unavailable', 'not yet')
        },
      })
      const failure = async (method: string) => {
        const thrown = await client.call(method, bytesOf(''), { deadlineMs }).then(
          () => assert.fail('it was answered'),
          (error: unknown) => error,
        )
        assert.ok(thrown instanceof FreshetError)
        return thrown
      }
      const moved = await failure('moved')
      assert.deepEqual(
        [moved.code, moved.retryable, moved.message, moved.details],
        ['bucket-moved', true, 'Eimer 7 ist fort → frag anderswo', details],
      )
      const enormous = await failure('enormous')
      assert.equal(enormous.code, 'overloaded')
      assert.match(enormous.message, /^m{100,}$/)
      assert.equal((await failure('circular')).message, 'it ends')
      const broken = await failure('broken')
      assert.equal(broken.code, 'engine-failed')
      assert.match(broken.message, /x is not a function/)
      assert.equal((await failure('immediate')).code, 'shard-unavailable')
    })

    it('refuses calls past the limit as overloaded, and takes others when some have ended', async (t) => {
      const waiting: (() => void)[] = []
      const { client } = await pairOf(
        driver,
        t,
        { wait: (request) => new Promise((resolve) => waiting.push(() => resolve(request))) },
        { callsInFlightMax: 3 },
      )
      const calls = Array.from({ length: 10 }, (_, index) =>
        client.call('wait', bytesOf(String(index)), { deadlineMs }).then(textOf, (error: FreshetError) => {
          // The last refusal says that the other calls have arrived.
          refused++
          if (refused === 7) for (const release of waiting.splice(0)) release()
          return error.code
        }),
      )
      let refused = 0
      const answers = await Promise.all(calls)
      assert.equal(answers.filter((answer) => answer === 'overloaded').length, 7)
      const again = client.call('wait', bytesOf('again'), { deadlineMs })
      while (waiting.length === 0) await new Promise((resolve) => setImmediate(resolve))
      waiting[0]!()
      assert.equal(textOf(await again), 'again')
    })

    it('refuses messages past the limit, either way, with record-too-large', async (t) => {
      const { server, client } = await pairOf(
        driver,
        t,
        { grow: async (request) => new Uint8Array(request.byteLength * 2) },
        { messageBytesMax: 1_000 },
      )
      assert.equal((await client.call('grow', new Uint8Array(500), { deadlineMs })).byteLength, 1_000)
      await assert.rejects(client.call('grow', new Uint8Array(501), { deadlineMs }), { code: 'record-too-large' })
      await assert.rejects(client.call('grow', new Uint8Array(1_001), { deadlineMs }), { code: 'record-too-large' })
      const careful = driver.connect(server.address, 400)
      t.after(() => careful.close())
      await assert.rejects(careful.call('grow', new Uint8Array(401), { deadlineMs }), { code: 'record-too-large' })
      await assert.rejects(careful.call('grow', new Uint8Array(300), { deadlineMs }), { code: 'record-too-large' })
      assert.equal((await careful.call('grow', new Uint8Array(200), { deadlineMs })).byteLength, 400)
    })

    it('ends a call at its deadline, and tells the method', async (t) => {
      const { promise: told, resolve: tell } = Promise.withResolvers<void>()
      const { client } = await pairOf(driver, t, {
        never: (_request, { signal }) =>
          new Promise(() => {
            signal.addEventListener('abort', () => tell())
          }),
        echo: async (request) => request,
      })
      await assert.rejects(client.call('never', bytesOf(''), { deadlineMs: 100 }), { code: 'deadline-exceeded' })
      await told
      assert.equal(textOf(await client.call('echo', bytesOf('on'), { deadlineMs })), 'on')
    })

    it('ends a call that is given up, and tells the method', async (t) => {
      const calls: RpcCall[] = []
      const { promise: arrived, resolve: arrive } = Promise.withResolvers<void>()
      const { client } = await pairOf(driver, t, {
        never: (_request, call) => {
          calls.push(call)
          arrive()
          return new Promise(() => {})
        },
      })
      const control = new AbortController()
      const call = client.call('never', bytesOf(''), { deadlineMs, signal: control.signal })
      await arrived
      control.abort()
      await assert.rejects(call, { code: 'stopped' })
      if (!calls[0]!.signal.aborted) await once(calls[0]!.signal, 'abort')
      await assert.rejects(client.call('never', bytesOf(''), { deadlineMs, signal: control.signal }), {
        code: 'stopped',
      })
      assert.equal(calls.length, 1)
    })
  })
}
