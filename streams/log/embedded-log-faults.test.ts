// The embedded log under what disks and machines do: crashes at any operation, torn tails, flipped bits, a full disk, an
// owner that died.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, it } from 'node:test'
import fc from 'fast-check'
import type { TopicSpec } from '../../schemas/topics.ts'
import { type SimulatedDisk, simulatedDisk } from '../runtime/simulated-disk.ts'
import { seededRandom, simulatedRuntime } from '../runtime/simulated-runtime.ts'
import { systemDisk } from '../runtime/system-disk.ts'
import { systemRuntime } from '../runtime/system-runtime.ts'
import { batchHeaderBytes } from './batch-frame.ts'
import { type EmbeddedLog, embeddedLog } from './embedded-log.ts'
import { offsetOf, partitionOf } from './log.ts'
import { readCount, recordOf, textOf } from './log-suite-fixtures.ts'

const topic: TopicSpec = { name: 'facts', partitions: 2, retentionMs: null, compacted: false, idempotenceMs: 3_600_000 }
const firstSegment = '/log/topics/facts/0/00000000000000000000.segment'
const zero = partitionOf(0)
const partitions = [0, 1].map(partitionOf)

const open = (disk: SimulatedDisk, segmentBytesMax = 3000) =>
  embeddedLog({ disk, directory: '/log', runtime: simulatedRuntime(1), maintainEveryMs: 0, segmentBytesMax })

async function allRecords(log: EmbeddedLog, partition: number) {
  const { earliest, latest } = await log.bounds({ topic: topic.name, partition: partitionOf(partition) })
  return readCount(log, topic.name, latest - earliest, earliest, partition)
}

async function logWith(disk: SimulatedDisk, texts: readonly string[], segmentBytesMax?: number): Promise<EmbeddedLog> {
  const log = await open(disk, segmentBytesMax)
  await log.ensureTopic(topic)
  for (const text of texts) await log.append(topic.name, [recordOf(text, { partition: zero })])
  return log
}

/** One life of a writer on a disk that stops somewhere: retries, with the same ids, all that was not acknowledged. */
async function writeUntilCrash(
  disk: SimulatedDisk,
  random: () => number,
  acknowledged: Map<string, string>,
): Promise<void> {
  const log = await open(disk)
  await log.ensureTopic(topic)
  let running = true
  const writers = [0, 1, 2].map(async (writer) => {
    for (let round = 0; running && round < 30; round++) {
      const ids = Array.from({ length: 1 + Math.floor(random() * 4) }, (_, index) => `${writer}-${round}-${index}`)
      const records = ids.map((id) =>
        recordOf(id.padEnd(100 + Math.floor(random() * 400), '.'), { eventId: id, partition: partitionOf(writer % 2) }),
      )
      try {
        const outcomes = await log.append(topic.name, records)
        for (const [index, { partition, offset }] of outcomes.entries()) {
          const position = `${partition}/${offset}`
          assert.equal(acknowledged.get(ids[index]!) ?? position, position, 'an acknowledged record keeps its position')
          acknowledged.set(ids[index]!, position)
        }
      } catch {
        running = false
      }
    }
  })
  await Promise.all(writers)
  if (running) await log.close()
}

it('keeps every acknowledged record once, in order, dense, through crashes at any operation', async () => {
  const lives = fc.array(fc.tuple(fc.nat(60), fc.nat(1_000_000)), { minLength: 1, maxLength: 4 })
  await fc.assert(
    fc.asyncProperty(lives, fc.nat(1_000_000), async (crashes, seed) => {
      const disk = simulatedDisk()
      const random = seededRandom(seed)
      const acknowledged = new Map<string, string>()
      for (const [operations, lossSeed] of crashes) {
        disk.crashAfter(operations)
        await writeUntilCrash(disk, random, acknowledged).catch(() => {})
        disk.crash()
        disk.restart(lossSeed)
      }
      const log = await open(disk)
      await log.ensureTopic(topic)
      const positionById = new Map<string, string>()
      for (const partition of partitions) {
        const newestByWriter = new Map<string, number>()
        for (const [index, record] of (await allRecords(log, partition)).entries()) {
          assert.equal(record.offset, index, 'offsets are dense')
          assert.ok(!positionById.has(record.eventId!), `${record.eventId} is there once`)
          positionById.set(record.eventId!, `${partition}/${record.offset}`)
          const [writer, round, within] = record.eventId!.split('-').map(Number) as [number, number, number]
          const order = round * 10 + within
          if (crashes.length === 1) assert.ok((newestByWriter.get(String(writer)) ?? -1) < order, 'order is kept')
          newestByWriter.set(String(writer), order)
          assert.equal(textOf(record).replace(/\.*$/, ''), record.eventId)
        }
      }
      for (const [id, position] of acknowledged) assert.equal(positionById.get(id), position, `${id} was acknowledged`)
      await log.close()
    }),
    { numRuns: 150 },
  )
})

it('cuts a torn tail, says where, and goes on from there', async () => {
  const disk = simulatedDisk()
  const log = await logWith(disk, ['a', 'b'])
  const intact = disk.peek(firstSegment).length
  await log.append(topic.name, [recordOf('c'.repeat(500), { partition: zero })])
  const whole = disk.peek(firstSegment).length
  disk.crash()
  for (const cut of [intact + 1, intact + batchHeaderBytes - 1, intact + batchHeaderBytes, whole - 1]) {
    disk.restart(0)
    const file = await disk.open(firstSegment, 'write')
    const tail = disk.peek(firstSegment).subarray(intact, whole)
    await file.truncate(cut)
    const again = await open(disk)
    assert.deepEqual(again.repairs, [
      { topic: 'facts', partition: 0, file: firstSegment, position: intact, removedBytes: cut - intact },
    ])
    assert.deepEqual((await allRecords(again, 0)).map(textOf), ['a', 'b'])
    assert.equal(disk.peek(firstSegment).length, intact)
    disk.crash()
    disk.restart(0)
    const restored = await disk.open(firstSegment, 'write')
    await restored.append([tail])
    await restored.sync()
  }
})

it('refuses a flipped bit in what was durable, naming the place, at open and when read', async () => {
  const texts = Array.from({ length: 12 }, (_, index) => String(index).repeat(400))
  for (const closed of [true, false]) {
    const sizes: number[] = []
    const disk = simulatedDisk()
    let log = await logWith(disk, [], 100_000)
    for (const text of texts) {
      sizes.push(disk.peek(firstSegment).length)
      await log.append(topic.name, [recordOf(text, { partition: zero })])
    }
    if (closed) await log.close()
    else disk.crash()
    disk.restart(3)
    // After a clean end even the newest record is known to have been durable.
    const target = closed ? 11 : 5
    const damaged = sizes[target]! + batchHeaderBytes + 100
    disk.flipBit(firstSegment, damaged)
    const expected = { topic: 'facts', partition: 0, offset: target, file: firstSegment, position: sizes[target]! }
    await assert.rejects(open(disk, 100_000), (error: { code: string; details: typeof expected }) => {
      assert.equal(error.code, 'log-corrupt')
      assert.equal(error.details.offset, expected.offset)
      if (!closed) assert.deepEqual(error.details, expected)
      return true
    })
    disk.flipBit(firstSegment, damaged)
    log = await embeddedLog({ disk, directory: '/log', runtime: simulatedRuntime(1), recentBytesMax: 0 })
    disk.flipBit(firstSegment, sizes[5]! + 3)
    const reader = await log.openReader({ topic: topic.name, partition: zero, from: offsetOf(0) })
    await assert.rejects(
      (async () => {
        for (;;) assert.ok((await reader.next({ recordsMax: 2, waitMsMax: 0 })).length > 0)
      })(),
      (error: { code: string; details: object }) => {
        assert.equal(error.code, 'log-corrupt')
        assert.deepEqual(error.details, { ...expected, offset: 5, position: sizes[5] })
        return true
      },
    )
    await log.close()
  }
})

it('refuses a log whose durable end is gone', async () => {
  const disk = simulatedDisk()
  const log = await logWith(disk, ['a', 'b', 'c'])
  await log.close()
  await (await disk.open(firstSegment, 'write')).truncate(0)
  await assert.rejects(open(disk), { code: 'log-corrupt' })
})

it('refuses appends while the disk is full and goes on when it is not', async () => {
  const disk = simulatedDisk()
  const log = await logWith(disk, ['a'])
  disk.limitBytes(1500)
  const event = recordOf('x'.repeat(2000), { partition: zero, eventId: 'again' })
  const calls = [1, 2, 3].map(() => log.append(topic.name, [event]))
  for (const call of calls) await assert.rejects(call, { code: 'log-unavailable' })
  disk.limitBytes(1_000_000)
  const [outcome] = await log.append(topic.name, [event])
  assert.deepEqual(outcome, { status: 'appended', partition: 0, offset: 1 })
  await log.close()
  const again = await open(disk)
  assert.deepEqual(again.repairs, [])
  assert.deepEqual(
    (await allRecords(again, 0)).map((record) => record.offset),
    [0, 1],
  )
})

it('survives crashes while it compacts', async () => {
  const compacted = { ...topic, partitions: 1, compacted: true, idempotenceMs: null }
  for (let operations = 0; operations < 40; operations++) {
    const disk = simulatedDisk()
    let log = await open(disk)
    await log.ensureTopic(compacted)
    for (let index = 0; index < 40; index++) {
      await log.append(topic.name, [recordOf(`${index}`.padEnd(400, '.'), { key: `k${index % 5}` })])
    }
    disk.crashAfter(operations)
    await log.maintain().catch(() => {})
    disk.crash()
    disk.restart(operations)
    log = await open(disk)
    const reader = await log.openReader({ topic: topic.name, partition: zero, from: offsetOf(0) })
    const newest = new Map<string, string>()
    let last = -1
    while (reader.position < 40) {
      for (const record of await reader.next({ recordsMax: 100, waitMsMax: 0 })) {
        assert.ok(record.offset > last)
        last = record.offset
        newest.set(record.key!, textOf(record).replace(/\.*$/, ''))
      }
    }
    assert.deepEqual(
      [...newest].sort(),
      [0, 1, 2, 3, 4].map((key) => [`k${key}`, `${35 + key}`]),
    )
    assert.equal((await log.bounds({ topic: topic.name, partition: zero })).latest, 40)
    await log.close()
  }
})

it('belongs to one owner, and to the next one when that was killed', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'freshet-lock-'))
  after(() => rmSync(directory, { recursive: true, force: true }))
  const options = { disk: systemDisk, directory, runtime: systemRuntime }
  const first = await embeddedLog(options)
  await assert.rejects(embeddedLog(options), { code: 'log-locked' })
  await first.close()
  const module = (path: string) => JSON.stringify(new URL(path, import.meta.url).href)
  const script = `import { embeddedLog } from ${module('./embedded-log.ts')}
    import { systemDisk } from ${module('../runtime/system-disk.ts')}
    import { systemRuntime } from ${module('../runtime/system-runtime.ts')}
    await embeddedLog({ disk: systemDisk, directory: ${JSON.stringify(directory)}, runtime: systemRuntime })
    console.log('open')`
  const owner = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: ['ignore', 'pipe', 'inherit'] })
  await new Promise((resolve) => owner.stdout.once('data', resolve))
  await assert.rejects(embeddedLog(options), { code: 'log-locked' })
  const gone = new Promise((resolve) => owner.once('exit', resolve))
  owner.kill('SIGKILL')
  await gone
  const next = await embeddedLog(options)
  assert.equal(readdirSync(directory).filter((name) => name.startsWith('owner-')).length, 1)
  await next.close()
})
