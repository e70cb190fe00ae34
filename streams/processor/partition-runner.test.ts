// The runner's promises one by one, over the embedded log on a simulated disk.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { deadLetterOf, examples, interactions } from '../../schemas/topics.ts'
import { type Log, type NewRecord, offsetOf } from '../log/log.ts'
import { FreshetError } from '../runtime/errors.ts'
import { nextTurn } from '../runtime/next-turn.ts'
import { checkpointName, decodeCheckpoint } from './checkpoint.ts'
import { allRecords, beginLife, crashWorld, type Life } from './crash-world.ts'
import { readDeadLetter } from './dead-letter.ts'
import { partitionRunner } from './partition-runner.ts'
import { owner, partition, runThrough, summing, sums, tick } from './runner-fixtures.ts'
import { newestSource } from './source-position.ts'

test('goes on where the last clean stop was', async () => {
  const life = await beginLife(crashWorld())
  await life.log.append(interactions, [tick(1), tick(2)])
  const first = await runThrough(life)
  assert.deepEqual([first.progress().records, first.progress().checkpointed], [2, 2])
  await life.log.append(interactions, [tick(3)])
  const second = await runThrough(life)
  assert.deepEqual([second.progress().records, second.progress().checkpointed], [1, 3])
  assert.deepEqual(sums(await allRecords(life.log, examples)), [1, 3, 6])
  assert.deepEqual(
    (await allRecords(life.log, examples)).map((record) => record.source),
    [0, 1, 2].map((offset) => ({ offset, ordinal: 0 })),
  )
})

test('a corrupt checkpoint gives way to the one before; with none left it says so', async () => {
  const life = await beginLife(crashWorld())
  await life.log.append(interactions, [tick(1), tick(2)])
  await runThrough(life)
  await life.log.append(interactions, [tick(3)])
  await runThrough(life)
  const newest = checkpointName(owner, offsetOf(3))
  const bytes = Uint8Array.from(await life.blobs.get(newest))
  bytes[bytes.length - 1]! ^= 1
  assert.throws(() => decodeCheckpoint(owner, bytes), RangeError)
  await life.blobs.put(newest, bytes)
  const again = await runThrough(life)
  assert.deepEqual([again.progress().records, again.progress().suppressed], [1, 1])
  assert.deepEqual(sums(await allRecords(life.log, examples)), [1, 3, 6])
  assert.equal(again.progress().checkpointsRefused, 1)
  // All that was folded is still there: folding it again gives what was lost.
  const ruin = async () => {
    for (const name of await life.blobs.list('checkpoints/')) await life.blobs.put(name, Uint8Array.from([1, 2, 3]))
  }
  await ruin()
  const anew = await runThrough(life)
  assert.deepEqual([anew.progress().records, anew.progress().suppressed, anew.progress().checkpointsRefused], [3, 3, 2])
  await ruin()
  const log: Life['log'] = Object.assign(Object.create(life.log) as Life['log'], {
    bounds: async () => ({ earliest: offsetOf(1), latest: offsetOf(3) }),
  })
  await assert.rejects(runThrough({ ...life, log }), (error: FreshetError) => {
    assert.equal(error.code, 'checkpoint-corrupt')
    assert.match(error.message, /1 damaged, 0 that the processor does not take/)
    assert.deepEqual(
      (error.details.refused as { reason: string }[]).map(({ reason }) => reason),
      ['damaged'],
    )
    return true
  })
  await assert.rejects(runThrough(life, { start: 'latest' }), { code: 'checkpoint-corrupt' })
})

test('bad records become dead letters with their bytes, once, and the partition moves on', async () => {
  const life = await beginLife(crashWorld())
  const bad = { key: 'k', value: Uint8Array.from([1, 2, 3]), timestampMs: 5 }
  await life.log.append(interactions, [tick(1), bad, tick(13), { ...tick(1), value: null }, tick(2)])
  const runner = await runThrough(life)
  assert.deepEqual([runner.progress().deadLetters, runner.progress().records], [2, 4])
  // Another life without a checkpoint, while another group has written into the same topic meanwhile.
  for (const name of await life.blobs.list('checkpoints/')) await life.blobs.delete(name)
  await runThrough(life, { group: 'other', sharedOutputs: [examples] })
  await runThrough(life)
  const letters = (await allRecords(life.log, deadLetterOf(interactions))).map(
    (record) => readDeadLetter(record.value)!,
  )
  assert.deepEqual(
    letters.map(({ group, offset, reason }) => [group, offset, reason]),
    [
      ['g', 1, 'no Confluent frame'],
      ['g', 2, 'unlucky'],
      ['other', 1, 'no Confluent frame'],
      ['other', 2, 'unlucky'],
    ],
  )
  assert.equal(letters[0]!.value, Buffer.from([1, 2, 3]).toString('base64'))
})

test('drops nothing by position where several producers write to the input', async () => {
  const life = await beginLife(crashWorld())
  await life.log.append(interactions, [tick(1, [7, 0]), tick(2, [0, 1]), tick(4, [7, 0])])
  const runner = await runThrough(life, { sharedInput: true })
  assert.equal(runner.progress().repeats, 0)
  assert.deepEqual(sums(await allRecords(life.log, examples)), [1, 3, 7])
})

test('drops what a restarted producer repeats', async () => {
  const life = await beginLife(crashWorld())
  await life.log.append(interactions, [tick(1, [0, 0]), tick(2, [0, 1]), tick(2, [0, 1]), tick(1, [0, 0])])
  const first = await runThrough(life)
  assert.equal(first.progress().repeats, 2)
  await life.log.append(interactions, [tick(2, [0, 1]), tick(4, [3, 0])])
  assert.equal((await runThrough(life)).progress().repeats, 1)
  assert.deepEqual(sums(await allRecords(life.log, examples)), [1, 3, 7])
})

test('tries again while the log is overloaded, and loses, doubles or reorders nothing', async () => {
  const life = await beginLife(crashWorld())
  await life.log.append(
    interactions,
    Array.from({ length: 20 }, () => tick(1)),
  )
  let calls = 0
  const log: Log = Object.assign(Object.create(life.log) as Log, {
    async append(topic: string, records: readonly NewRecord[]) {
      calls++
      if (calls % 3 === 1) throw new FreshetError('overloaded', 'try later')
      // Appended, but the answer is lost.
      const outcomes = await life.log.append(topic, records)
      if (calls % 3 === 2) throw new FreshetError('log-unavailable', 'try later')
      return outcomes
    },
  })
  const runner = await runThrough(
    { ...life, log: log as Life['log'] },
    { outputsInFlightMax: 2, recordsPerFetchMax: 3 },
  )
  assert.ok(runner.progress().retries > 4)
  assert.deepEqual(
    sums(await allRecords(life.log, examples)),
    Array.from({ length: 20 }, (_, index) => index + 1),
  )
})

test('reads no further than the outputs in flight allow', async () => {
  const life = await beginLife(crashWorld())
  await life.log.append(
    interactions,
    Array.from({ length: 50 }, () => tick(1)),
  )
  const gate = Promise.withResolvers<void>()
  const log = Object.assign(Object.create(life.log) as Life['log'], {
    async append(topic: string, records: readonly NewRecord[]) {
      await gate.promise
      return life.log.append(topic, records)
    },
  })
  const { blobs, runtime } = life
  const tuning = { recordsPerFetchMax: 5, outputsInFlightMax: 10 }
  const runner = partitionRunner({ log, blobs, runtime, ...owner, processor: summing(), ...tuning })
  const control = new AbortController()
  const run = runner.run(control.signal)
  for (let turn = 0; turn < 50; turn++) await nextTurn()
  assert.equal(runner.progress().next, 10)
  control.abort()
  gate.resolve()
  await run
  assert.equal((await allRecords(life.log, examples)).length, 10)
})

test('what cannot be mended surfaces', async () => {
  const life = await beginLife(crashWorld())
  await life.log.append(interactions, [tick(1)])
  const log = Object.assign(Object.create(life.log) as Life['log'], {
    append: async () => {
      throw new FreshetError('log-corrupt', 'look at the disk')
    },
  })
  await assert.rejects(runThrough({ ...life, log }), { code: 'log-corrupt' })
  await assert.rejects(runThrough(life, { topic: 'nowhere' }), { code: 'topic-unknown' })
  const broken = { ...summing(), step: () => assert.fail('a bug') }
  await assert.rejects(runThrough(life, { processor: broken }), /a bug/)
})

test('keeps two checkpoints and takes one every so many records', async () => {
  const life = await beginLife(crashWorld())
  await life.log.append(
    interactions,
    Array.from({ length: 40 }, () => tick(1)),
  )
  const runner = await runThrough(life, { checkpointEveryRecords: 10, recordsPerFetchMax: 5 })
  assert.ok(runner.progress().checkpoints >= 2)
  assert.equal((await life.blobs.list('checkpoints/g/')).length, 2)
})

test('finds its newest source position behind any number of records of others', async () => {
  const life = await beginLife(crashWorld())
  await life.log.append(examples, [tick(1, [4, 2]), ...Array.from({ length: 500 }, () => tick(0))])
  assert.deepEqual(await newestSource(life.log, { topic: examples, partition }), { offset: 4, ordinal: 2 })
  assert.equal(await newestSource(life.log, { topic: interactions, partition }), null)
})
