// However and wherever a processor is killed, its outputs and its state end as if it never had been.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { encode } from '../../schemas/codec.ts'
import type { InteractionsRecord } from '../../schemas/generated.ts'
import { deadLetterOf, examples, interactions } from '../../schemas/topics.ts'
import { joiner } from '../joiner/joiner.ts'
import { pageFixture, startMs, tickFixture, watchFixture } from '../joiner/joiner-fixtures.ts'
import type { LogRecord } from '../log/log.ts'
import { FreshetError } from '../runtime/errors.ts'
import { nextTurn } from '../runtime/next-turn.ts'
import { seededRandom } from '../runtime/simulated-runtime.ts'
import { allRecords, beginLife, type CrashWorld, crashWorld, liveOnce } from './crash-world.ts'
import type { Processor } from './processor.ts'
import { compareSources } from './source-position.ts'
import { StateReader, StateWriter } from './state-bytes.ts'

/** Emits a running count with every third record, twice; its state is that count. */
function countingProcessor(): Processor {
  let count = 0
  return {
    name: 'counting',
    step({ partition }, output) {
      count++
      if (count % 3 !== 0) return
      const count3 = { type: 'Tick', eventTimeMs: count, receivedTimeMs: count } as const
      output.emit(examples, null, count3, partition)
      output.emit(examples, 'again', count3, partition)
      if (count % 9 === 0) output.reject('every ninth')
    },
    dump() {
      const out = new StateWriter()
      out.f64(count)
      return out.finish()
    },
    load(dump) {
      count = new StateReader(dump).f64()
    },
  }
}

/** The same, with a dump in parts. */
function countingInParts(): Processor {
  const counting = countingProcessor()
  function* dumpParts(): Generator<Uint8Array> {
    const state = counting.dump()
    for (let at = 0; at < state.byteLength; at += 3) yield state.slice(at, at + 3)
  }
  return { ...counting, dumpParts }
}

/** The same, where two of three steps first wait for a turn or more and then give up if they are to, with half of their work
 *  in the state; and it wishes for a checkpoint now and then. */
function countingThatWaits(): Processor {
  const counting = countingInParts()
  let steps = 0
  let isStopping = false
  let isHalf = false
  return {
    ...counting,
    get wantsCheckpoint() {
      return steps % 7 === 6
    },
    async step(input, output) {
      isHalf = true
      for (let turn = steps++ % 3; turn > 0; turn--) {
        await nextTurn()
        if (isStopping) throw new FreshetError('stopped', 'the step gives up')
      }
      counting.step(input, output)
      isHalf = false
    },
    stop() {
      isStopping = true
    },
    *dumpParts() {
      assert.ok(!isHalf, 'a state is taken between two records')
      yield* counting.dumpParts!()
    },
  }
}

function inputs(steps: number): (InteractionsRecord | null)[] {
  const records: (InteractionsRecord | null)[] = []
  for (let step = 0; step < steps; step++) {
    const atMs = step * 1_000
    const requestId = `r${step}`
    records.push(pageFixture(requestId, atMs))
    if (step % 3 === 1) records.push(watchFixture(`w${step}`, atMs + 1, { requestId }))
    if (step % 4 === 2) records.push(null)
    records.push({
      type: 'VideoLiked',
      eventId: `l${step}`,
      userId: 'u1',
      videoId: 'v1',
      requestId,
      position: 0,
      withdrawn: false,
      eventTimeMs: startMs + atMs + 2,
      receivedTimeMs: startMs + atMs + 2,
    })
  }
  return [...records, tickFixture(3_600_000)]
}

async function worldWith(records: readonly (InteractionsRecord | null)[]): Promise<CrashWorld> {
  const world = crashWorld()
  const { log } = await beginLife(world)
  await log.append(
    interactions,
    records.map((record, index) => ({
      key: 'u1',
      value: record === null ? Uint8Array.from([9, 9]) : encode(record),
      timestampMs: startMs + index,
    })),
  )
  await log.close()
  return world
}

/** What a consumer that drops repeats by source position sees, with the checkpoints' newest state. */
async function endOf(world: CrashWorld): Promise<{ outputs: string[]; repeats: number; state: string }> {
  const { log, blobs } = await beginLife(world)
  const outputs: string[] = []
  let repeats = 0
  for (const topic of [examples, deadLetterOf(interactions)]) {
    let newest: LogRecord | null = null
    for (const record of await allRecords(log, topic)) {
      if (newest !== null && compareSources(record.source!, newest.source!) <= 0) repeats++
      else {
        outputs.push(
          `${topic} ${JSON.stringify(record.source)} ${record.key} ${record.timestampMs} ${Buffer.from(record.value!).toString('base64')}`,
        )
        newest = record
      }
    }
  }
  const names = await blobs.list('checkpoints/')
  const state = Buffer.from(await blobs.get(names.at(-1)!)).toString('base64')
  await log.close()
  return { outputs, repeats, state }
}

const processors: readonly [string, () => Processor][] = [
  ['joiner', () => joiner()],
  ['counting', countingProcessor],
  ['counting, dumped in parts', countingInParts],
  ['counting with steps that wait', countingThatWaits],
]

for (const [name, makeProcessor] of processors) {
  test(`${name}: killed before each disk operation in turn`, async () => {
    const records = inputs(6)
    const calm = await worldWith(records)
    const undisturbed = await liveOnce(calm, makeProcessor)
    assert.ok(undisturbed.finished)
    const expected = await endOf(calm)
    assert.ok(expected.outputs.length > 4)
    let suppressed = 0
    for (let operation = 0; operation < undisturbed.operations; operation++) {
      const world = await worldWith(records)
      await liveOnce(world, makeProcessor, { operationsMax: operation })
      world.disk.restart(operation)
      const second = await liveOnce(world, makeProcessor)
      assert.equal(second.error, null, `after ${operation} operations`)
      suppressed += second.progress!.suppressed
      assert.deepEqual(await endOf(world), expected, `after ${operation} operations`)
    }
    assert.ok(suppressed > 0, 'some life found outputs of the one before')
  })

  test(`${name}: killed again and again at random`, async () => {
    const records = inputs(12)
    const calm = await worldWith(records)
    const undisturbed = await liveOnce(calm, makeProcessor)
    const expected = await endOf(calm)
    for (let seed = 1; seed <= 25; seed++) {
      const random = seededRandom(seed)
      const world = await worldWith(records)
      for (let life = 0; life < 6; life++) {
        const { finished } = await liveOnce(world, makeProcessor, {
          operationsMax: Math.floor(random() * undisturbed.operations),
        })
        if (finished) break
        world.disk.restart(seed * 100 + life)
      }
      assert.equal((await liveOnce(world, makeProcessor)).error, null, `seed ${seed}`)
      assert.deepEqual(await endOf(world), expected, `seed ${seed}`)
    }
  })

  test(`${name}: stopped after every number of turns, over and over`, async () => {
    const records = inputs(12)
    const calm = await worldWith(records)
    await liveOnce(calm, makeProcessor)
    const expected = await endOf(calm)
    for (let turnsMax = 0; turnsMax < 25; turnsMax++) {
      const world = await worldWith(records)
      for (let life = 0; life < 4; life++) {
        const { error } = await liveOnce(world, makeProcessor, { turnsMax: turnsMax + life })
        assert.equal(error, null, `${turnsMax} turns`)
      }
      assert.equal((await liveOnce(world, makeProcessor)).error, null)
      assert.deepEqual(await endOf(world), expected, `${turnsMax} turns`)
    }
  })

  test(`${name}: no space for any write in turn, once and for a while`, async () => {
    const records = inputs(6)
    const calm = await worldWith(records)
    const undisturbed = await liveOnce(calm, makeProcessor)
    const expected = await endOf(calm)
    let failures = 0
    let retries = 0
    for (const count of [1, 4]) {
      for (let passed = 0; passed < undisturbed.operations; passed += count) {
        const world = await worldWith(records)
        const first = await liveOnce(world, makeProcessor, { refused: { passed, count } })
        assert.equal(first.error, null, `${count} after ${passed} writes`)
        retries += first.progress!.retries
        failures += first.progress!.checkpointFailures
        world.disk.refuseWrites(0, 0)
        await liveOnce(world, makeProcessor)
        assert.deepEqual(await endOf(world), expected, `${count} after ${passed} writes`)
      }
    }
    assert.ok(failures > 0 && retries > 0, 'some checkpoint and some output found no space')
  })
}

test('however a state is dumped and steps wait, outputs and state are the same', async () => {
  const ends = []
  for (const makeProcessor of [countingProcessor, countingInParts, countingThatWaits]) {
    const world = await worldWith(inputs(12))
    await liveOnce(world, makeProcessor)
    ends.push(await endOf(world))
  }
  assert.deepEqual(ends[1], ends[0])
  assert.deepEqual(ends[2], ends[0])
})
