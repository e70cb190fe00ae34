// Members share partitions, hand them over behind a checkpoint, tick them, and show their lag.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { decode, encode } from '../../schemas/codec.ts'
import { examples, interactions } from '../../schemas/topics.ts'
import { partitionOf } from '../log/log.ts'
import { nextTurn } from '../runtime/next-turn.ts'
import { allRecords, beginLife, crashWorld, type Life } from './crash-world.ts'
import { allLags, topicLag } from './lag.ts'
import type { Processor } from './processor.ts'
import { processorGroup } from './processor-group.ts'
import { runTicker } from './ticker.ts'

function forwarding(): Processor {
  return {
    name: 'forwarding',
    step: ({ record, key, partition }, output) => output.emit(examples, key, record, partition),
    dump: () => new Uint8Array(0),
    load() {},
  }
}

async function append(life: Life, count: number): Promise<void> {
  const value = encode({ type: 'Tick', eventTimeMs: 1, receivedTimeMs: 1 })
  for (const partition of [0, 1]) {
    const record = { key: null, value, timestampMs: 1, partition: partitionOf(partition) }
    await life.log.append(
      interactions,
      Array.from({ length: count }, () => record),
    )
  }
}

/** Turns until it holds; the test's own time limit ends it otherwise. */
async function eventually(holds: () => Promise<boolean> | boolean): Promise<void> {
  while (!(await holds())) await nextTurn()
}

test('partitions go to a second member and back, every record is processed once', async () => {
  const life = await beginLife(crashWorld(2))
  const { log, blobs, runtime } = life
  const join = () =>
    processorGroup({
      log,
      blobs,
      runtime,
      group: 'g',
      topic: interactions,
      makeProcessor: forwarding,
      recordsPerFetchMax: 3,
    })
  const outputs = async () => {
    const positions = [0, 1].map((partition) => ({ topic: examples, partition: partitionOf(partition) }))
    const bounds = await Promise.all(positions.map((position) => log.bounds(position)))
    return bounds.map(({ latest }) => Number(latest))
  }
  await append(life, 10)
  const first = await join()
  await eventually(async () => (await outputs()).join() === '10,10')
  const second = await join()
  await eventually(() => second.progress().length === 1 && first.progress().length === 1)
  await append(life, 5)
  await eventually(async () => (await outputs()).join() === '15,15')
  await first.stop()
  await eventually(() => second.progress().length === 2)
  await append(life, 5)
  await eventually(async () => (await outputs()).join() === '20,20')
  await second.stop()
  await second.ended
  assert.deepEqual(
    await topicLag(log, 'g', interactions, 2),
    [0, 1].map((partition) => ({ group: 'g', topic: interactions, partition, next: 20, latest: 20, lag: 0 })),
  )
  await append(life, 3)
  assert.deepEqual(
    (await allLags(log)).map(({ lag }) => lag),
    [3, 3],
  )
})

test('a processor that breaks ends its group with the error', async () => {
  const life = await beginLife(crashWorld(2))
  await append(life, 1)
  const { log, blobs, runtime } = life
  const broken = (): Processor => ({ ...forwarding(), step: () => assert.fail('a bug') })
  const group = await processorGroup({ log, blobs, runtime, group: 'g', topic: interactions, makeProcessor: broken })
  await assert.rejects(group.ended, /a bug/)
  await group.stop()
})

test('ticks each second, and every quarter while others append', async () => {
  const life = await beginLife(crashWorld())
  const control = new AbortController()
  const position = { topic: interactions, partition: partitionOf(0) }
  const ticking = runTicker({ log: life.log, runtime: life.runtime, position }, control.signal)
  const startMs = life.runtime.clock.nowMs()
  const settle = async (ms: number) => {
    await life.runtime.advance(ms)
    for (let turn = 0; turn < 20; turn++) await nextTurn()
  }
  for (let quarter = 0; quarter < 12; quarter++) await settle(250)
  const value = encode({ type: 'Tick', eventTimeMs: 7, receivedTimeMs: 7 })
  for (let quarter = 0; quarter < 4; quarter++) {
    await life.log.append(interactions, [{ key: null, value, timestampMs: 7 }])
    await settle(250)
  }
  control.abort()
  await ticking
  const times = (await allRecords(life.log, interactions)).map((record) => {
    const decoded = decode(record.value!)
    return decoded.type === 'Tick' ? decoded.eventTimeMs : -1
  })
  assert.deepEqual(
    times.filter((timeMs) => timeMs !== 7).map((timeMs) => timeMs - startMs),
    [250, 1_250, 2_250, 3_250, 3_500, 3_750, 4_000],
  )
})
