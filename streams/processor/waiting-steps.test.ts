// Steps that wait, states dumped in parts and checkpoints on their way: what the runner promises about them, one by one.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { AnyRecord } from '../../schemas/generated.ts'
import { checksum } from '../../schemas/ids.ts'
import { examples, interactions } from '../../schemas/topics.ts'
import type { Offset } from '../log/log.ts'
import { FreshetError } from '../runtime/errors.ts'
import { nextTurn } from '../runtime/next-turn.ts'
import type { BlobParts, BlobStore } from '../stores/blob-store.ts'
import { newestCheckpoint, type StoredCheckpoint } from './checkpoint.ts'
import { allRecords, beginLife, crashWorld } from './crash-world.ts'
import { partitionRunner } from './partition-runner.ts'
import type { Recorded, StepOutput } from './processor.ts'
import { owner, runThrough, summing, sums, tick } from './runner-fixtures.ts'

/** A summing processor whose steps wait at the gate of their value; `stop` turns them away. */
function waiting(gates: ReadonlyMap<number, Promise<void>>): ReturnType<typeof summing> {
  const sum = summing()
  const stopping = Promise.withResolvers<never>()
  stopping.promise.catch(() => {})
  return Object.assign(sum, {
    step: async (input: Recorded, output: StepOutput) => {
      const { eventTimeMs } = input.record as Extract<AnyRecord, { type: 'Tick' }>
      output.emit(examples, 'early', { type: 'Tick', eventTimeMs: 0, receivedTimeMs: 0 })
      await Promise.race([gates.get(eventTimeMs), stopping.promise])
      sum.sum += eventTimeMs
      output.emit(examples, null, { type: 'Tick', eventTimeMs: sum.sum, receivedTimeMs: 0 })
    },
    stop: () => stopping.reject(new FreshetError('stopped', 'the step gives up')),
  })
}

test('a step that waits holds the partition; one that gives up at a stop leaves its record and its outputs to the next life', async () => {
  const life = await beginLife(crashWorld())
  await life.log.append(interactions, [tick(1), tick(2), tick(4), tick(5)])
  const { log, blobs, runtime } = life
  const gate = Promise.withResolvers<void>()
  const processor = waiting(new Map([[4, gate.promise]]))
  const committed: Offset[] = []
  const commit = async (next: Offset) => void committed.push(next)
  const tuning = { checkpointEveryRecords: 1, commitEveryMs: 0 }
  const runner = partitionRunner({ log, blobs, runtime, ...owner, processor, commit, ...tuning })
  const control = new AbortController()
  const run = runner.run(control.signal)
  for (let turn = 0; turn < 50; turn++) await nextTurn()
  assert.deepEqual([runner.progress().next, runner.progress().records, processor.sum], [2, 2, 3])
  control.abort()
  await run
  assert.deepEqual(
    committed.filter((next) => next > 2),
    [],
  )
  assert.deepEqual((await newestCheckpoint(blobs, owner, () => {}))?.next ?? 0, 0)
  assert.deepEqual(sums(await allRecords(log, examples)), [0, 1, 0, 3])
  const again = await runThrough(life, { processor: waiting(new Map()) })
  assert.deepEqual([again.progress().records, again.progress().suppressed], [4, 4])
  assert.deepEqual(sums(await allRecords(log, examples)), [0, 1, 0, 3, 0, 7, 0, 12])
})

test('a step that ends although it was told to stop counts, and the stop is a clean one', async () => {
  const life = await beginLife(crashWorld())
  await life.log.append(interactions, [tick(1), tick(2), tick(4)])
  const gate = Promise.withResolvers<void>()
  const processor = Object.assign(waiting(new Map([[2, gate.promise]])), { stop: () => gate.resolve() })
  const runner = partitionRunner({ ...life, ...owner, processor })
  const control = new AbortController()
  const run = runner.run(control.signal)
  for (let turn = 0; turn < 50; turn++) await nextTurn()
  control.abort()
  await run
  assert.deepEqual([runner.progress().next, runner.progress().checkpointed, processor.sum], [2, 2, 3])
})

test('a step that rejects with anything else, or with stopped before a stop, ends the runner with that', async () => {
  const life = await beginLife(crashWorld())
  await life.log.append(interactions, [tick(1)])
  for (const error of [new Error('a bug'), new FreshetError('stopped', 'nobody asked')]) {
    const broken = Object.assign(summing(), { step: () => Promise.reject(error) })
    await assert.rejects(runThrough(life, { processor: broken }), error)
  }
  assert.deepEqual(await life.blobs.list(''), [])
})

test('steps that do not wait are folded without a turn between them', async () => {
  const life = await beginLife(crashWorld())
  await life.log.append(interactions, [tick(1), tick(2), tick(3)])
  const processor = summing()
  const seen: number[] = []
  const step = processor.step.bind(processor)
  processor.step = (input, output) => {
    queueMicrotask(() => seen.push(processor.sum))
    step(input, output)
  }
  await runThrough(life, { processor })
  assert.deepEqual(seen, [6, 6, 6])
})

test('others run between the parts of a dump, nothing is folded meanwhile, and the fold does not wait for the store', async () => {
  const life = await beginLife(crashWorld())
  await life.log.append(
    interactions,
    Array.from({ length: 6 }, () => tick(1)),
  )
  const events: string[] = []
  const processor = summing()
  const step = processor.step.bind(processor)
  const gate = Promise.withResolvers<void>()
  const blobs: BlobStore = Object.assign(Object.create(life.blobs) as BlobStore, {
    async put(name: string, bytes: Uint8Array | BlobParts) {
      await gate.promise
      return life.blobs.put(name, bytes)
    },
  })
  Object.assign(processor, {
    step(input: Recorded, output: StepOutput) {
      events.push(`fold ${input.offset}`)
      step(input, output)
      if (input.offset === 5) gate.resolve()
    },
    *dumpParts() {
      events.push('begin')
      const dump = processor.dump()
      for (const part of [dump, new Uint8Array(0)]) {
        setImmediate(() => events.push('other'))
        yield part
      }
      events.push('end')
    },
  })
  await runThrough({ ...life, blobs }, { processor, checkpointEveryRecords: 2, recordsPerFetchMax: 2 })
  const dump = ['begin', 'other', 'other', 'end']
  assert.deepEqual(events, ['fold 0', 'fold 1', ...dump, 'fold 2', 'fold 3', 'fold 4', 'fold 5', ...dump])
})

test('a processor that wants a checkpoint gets one before its next record', async () => {
  const life = await beginLife(crashWorld())
  await life.log.append(
    interactions,
    [1, 2, 3, 4, 5].map((value) => tick(value)),
  )
  const taken: number[] = []
  const processor = summing()
  Object.defineProperty(processor, 'wantsCheckpoint', { get: () => processor.sum === 3 })
  const onCheckpoint = async ({ next }: { next: Offset }) => void taken.push(next)
  await runThrough(life, { processor, onCheckpoint })
  assert.deepEqual(taken, [2, 5])
})

test('a checkpoint is announced as it lies there, again until it is, before older ones go', async () => {
  const life = await beginLife(crashWorld())
  await life.log.append(
    interactions,
    Array.from({ length: 40 }, () => tick(1)),
  )
  let calls = 0
  const announced: StoredCheckpoint[] = []
  const onCheckpoint = async (taken: StoredCheckpoint) => {
    if (calls++ % 2 === 0) throw new FreshetError('log-unavailable', 'try later')
    const bytes = await life.blobs.get(taken.blob)
    assert.deepEqual([checksum(bytes), bytes.byteLength], [taken.checksum, taken.byteLength])
    for (const { blob } of announced.slice(-2)) await life.blobs.get(blob)
    announced.push(taken)
  }
  const runner = await runThrough(life, { onCheckpoint, checkpointEveryRecords: 10, recordsPerFetchMax: 5 })
  assert.equal(announced.length, runner.progress().checkpoints)
  assert.ok(announced.length >= 2)
  const failing = async () => {
    throw new FreshetError('log-corrupt', 'look at the disk')
  }
  await life.log.append(interactions, [tick(1)])
  await assert.rejects(runThrough(life, { onCheckpoint: failing }), { code: 'log-corrupt' })
})

test('while new checkpoints are not announced, the announced one stays, over restarts too', async () => {
  const life = await beginLife(crashWorld())
  const nexts = async () => (await life.blobs.list('checkpoints/')).map((name) => Number(name.slice(-2)))
  const runs: [announces: boolean, there: number[]][] = [
    [true, [1]],
    [false, [1, 2]],
    [false, [1, 2, 3]],
    [true, [3, 4]],
    [true, [4, 5]],
  ]
  for (const [announces, there] of runs) {
    await life.log.append(interactions, [tick(1)])
    await runThrough(life, { onCheckpoint: async () => announces })
    assert.deepEqual(await nexts(), there)
  }
  await life.log.append(
    interactions,
    Array.from({ length: 40 }, () => tick(1)),
  )
  await runThrough(life, { onCheckpoint: async () => false, checkpointEveryRecords: 5, recordsPerFetchMax: 5 })
  const now = await nexts()
  assert.deepEqual(now.slice(0, 2), [4, 5])
  assert.ok(now.length <= 5, now.join())
})

test('an abandoned state leaves no checkpoint, but its outputs', async () => {
  const life = await beginLife(crashWorld())
  await life.log.append(interactions, [tick(1), tick(2)])
  const runner = partitionRunner({ ...life, ...owner, processor: summing() })
  assert.ok(!runner.isLoaded)
  const control = new AbortController()
  const run = runner.run(control.signal)
  while (runner.progress().next < 2) await nextTurn()
  assert.ok(runner.isLoaded)
  runner.abandon()
  control.abort()
  assert.ok(!runner.isLoaded)
  await run
  assert.deepEqual(await life.blobs.list(''), [])
  assert.deepEqual(sums(await allRecords(life.log, examples)), [1, 3])
})
