// A process without a gateway answers supervisors and Prometheus, and nobody else.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { metricsServer } from './metrics-server.ts'

test('metrics, health and readiness are answered until it closes', async () => {
  let isReady = false
  let text = async () => 'rows 5\n'
  const server = await metricsServer({ host: '127.0.0.1', port: 0, text: () => text(), ready: async () => isReady })
  const ask = async (path: string) => {
    const response = await fetch(`${server.url}${path}`)
    return [response.status, await response.text()]
  }
  assert.deepEqual(await ask('/metrics'), [200, 'rows 5\n'])
  assert.deepEqual(await ask('/healthz'), [200, '{"status":"ok"}'])
  assert.deepEqual(await ask('/readyz'), [503, '{"ready":false}'])
  isReady = true
  assert.deepEqual(await ask('/readyz?now'), [200, '{"ready":true}'])
  assert.equal((await ask('/elsewhere'))[0], 404)
  text = () => Promise.reject(new Error('the thread is gone'))
  assert.deepEqual(await ask('/metrics'), [500, 'the thread is gone'])
  await assert.rejects(
    metricsServer({ host: '127.0.0.1', port: Number(new URL(server.url).port), text, ready: async () => true }),
    { code: 'config-invalid' },
  )
  await server.close()
  await assert.rejects(ask('/healthz'))
})
