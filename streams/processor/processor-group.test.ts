// Members share partitions, hand them over behind a checkpoint, tick them, and show their lag.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { decode, encode } from '../../schemas/codec.ts'
import { examples, interactions } from '../../schemas/topics.ts'
import { partitionOf } from '../log/log.ts'
import { nextTurn } from '../runtime/next-turn.ts'
import type { BlobStore } from '../stores/blob-store.ts'
import { allRecords, beginLife, crashWorld, type Life } from './crash-world.ts'
import { allLags, topicLag } from './lag.ts'
import type { Processor } from './processor.ts'
import { processorGroup } from './processor-group.ts'
import { runTicker, type TickerOptions } from './ticker.ts'

function forwarding(): Processor {
  return {
    name: 'forwarding',
    step: ({ record, key, partition }, output) => output.emit(examples, key, record, partition),
    dump: () => new Uint8Array(0),
    load() {},
  }
}

const tickValue = encode({ type: 'Tick', eventTimeMs: 1, receivedTimeMs: 1 })

async function append(life: Life, count: number): Promise<void> {
  for (const partition of [0, 1]) {
    const record = { key: null, value: tickValue, timestampMs: 1, partition: partitionOf(partition) }
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

/** Counts what it folded in its life; its state is the number of records ever folded. */
function numbered(life: number): Processor & { readonly life: number; steps: number; folded: number } {
  return {
    ...{ name: 'numbered', life, steps: 0, folded: 0 },
    step({ partition }, output) {
      this.steps++
      this.folded++
      output.emit(examples, null, { type: 'Tick', eventTimeMs: this.folded, receivedTimeMs: 0 }, partition)
    },
    dump() {
      return Uint8Array.from([this.folded])
    },
    load(dump) {
      this.folded = dump[0]!
    },
  }
}

test('a restart throws the state away and folds anew from a checkpoint, in a fresh processor', async () => {
  const life = await beginLife(crashWorld(2))
  const { log, blobs, runtime } = life
  const lives: ReturnType<typeof numbered>[] = []
  const taken: [number, number][] = []
  const beside: string[] = []
  const one = partitionOf(1)
  const group = await processorGroup({
    ...{ log, blobs, runtime, group: 'g', topic: interactions, checkpointEveryRecords: 4 },
    async makeProcessor() {
      await nextTurn()
      lives.push(numbered(lives.length))
      return lives.at(-1)!
    },
    beside: async (partition, signal) => {
      beside.push(`begin ${partition}`)
      await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }))
      beside.push(`end ${partition}`)
    },
    onCheckpoint: async (partition, { next }) => void taken.push([partition, next]),
  })
  const nexts = () => group.progress().map(({ next }) => Number(next))
  await append(life, 4)
  await eventually(() => nexts().join() === '4,4' && taken.length === 2)
  const before = group.processorOf(one) as ReturnType<typeof numbered>
  assert.ok(lives.includes(before) && before.folded === 4)
  await append(life, 2)
  await eventually(() => nexts().join() === '6,6')
  const restarting = group.restart()
  assert.equal(group.processorOf(one), null)
  await Promise.all([restarting, group.restart()])
  await eventually(() => nexts().join() === '6,6' && group.processorOf(one) !== null)
  const after = group.processorOf(one) as ReturnType<typeof numbered>
  assert.deepEqual([after.steps, after.folded, lives.length, before === after], [2, 6, 4, false])
  assert.deepEqual([...taken].sort(), [
    [0, 4],
    [1, 4],
  ])
  assert.equal(beside.filter((event) => event === 'begin 1').length, 2)
  const stopping = group.stop()
  await stopping
  await group.ended
  assert.equal(group.processorOf(one), null)
  assert.deepEqual([...taken].sort().at(-1), [1, 6])
  assert.equal(beside.filter((event) => event === 'end 1').length, 2)
  const outputs = await log.bounds({ topic: examples, partition: one })
  assert.equal(outputs.latest, 6)
})

test('a processor is not to be had before it is loaded, nor once its partition is given up', async () => {
  const life = await beginLife(crashWorld())
  const { log, blobs, runtime } = life
  const loaded = Promise.withResolvers<void>()
  const slow: BlobStore = Object.assign(Object.create(blobs) as BlobStore, {
    list: (prefix: string) => loaded.promise.then(() => blobs.list(prefix)),
  })
  const gate = Promise.withResolvers<void>()
  const processor = { ...forwarding(), step: () => gate.promise }
  const zero = partitionOf(0)
  const options = { log, runtime, group: 'g', topic: interactions, makeProcessor: () => processor }
  const group = await processorGroup({ ...options, blobs: slow })
  await log.append(interactions, [{ key: null, value: tickValue, timestampMs: 1 }])
  await eventually(() => group.progress().length === 1)
  assert.equal(group.processorOf(zero), null)
  loaded.resolve()
  await eventually(() => group.processorOf(zero) === processor)
  const stopping = group.stop()
  await eventually(() => group.progress().length === 0)
  assert.equal(group.processorOf(zero), null)
  gate.resolve()
  await stopping
})

test('a processor that cannot be made ends the group; one that is not wanted any more does not', async () => {
  const life = await beginLife(crashWorld())
  const { log, blobs, runtime } = life
  const shared = { log, blobs, runtime, topic: interactions }
  const failing = async (): Promise<Processor> => assert.fail('cannot be made')
  const group = await processorGroup({ ...shared, group: 'g', makeProcessor: failing })
  await assert.rejects(group.ended, /cannot be made/)
  await group.stop()
  let wasAsked = false
  const late = await processorGroup({
    ...shared,
    group: 'h',
    makeProcessor(_, signal) {
      wasAsked = true
      return new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason), { once: true }))
    },
  })
  await eventually(() => wasAsked)
  await late.stop()
  await late.ended
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

test('ticks each second, and as often as asked while others append and once after, without asking the log then', async () => {
  const life = await beginLife(crashWorld())
  const control = new AbortController()
  const position = { topic: interactions, partition: partitionOf(0) }
  let asked = 0
  const log: TickerOptions['log'] = {
    append: (topic, records) => life.log.append(topic, records),
    bounds: (of) => {
      asked++
      return life.log.bounds(of)
    },
  }
  const ticking = runTicker({ log, runtime: life.runtime, position, activeEveryMs: 250 }, control.signal)
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
  const askedBefore = asked
  for (let quarter = 0; quarter < 6; quarter++) await settle(250)
  // Of ten quarters the first was idle before it began and the last five were idle; the one after the others' end told itself.
  assert.deepEqual([askedBefore, asked - askedBefore], [13, 5])
  control.abort()
  await ticking
  const times = (await allRecords(life.log, interactions)).map((record) => {
    const decoded = decode(record.value!)
    return decoded.type === 'Tick' ? decoded.eventTimeMs : -1
  })
  assert.deepEqual(
    times.filter((timeMs) => timeMs !== 7).map((timeMs) => timeMs - startMs),
    [250, 1_250, 2_250, 3_250, 3_500, 3_750, 4_000, 4_250, 5_250],
  )
})
