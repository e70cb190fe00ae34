// An exported topic as DuckDB reads it: every record, every field, features and heads under their names.
import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api'
import { encode } from '../../../schemas/codec.ts'
import type { AnyRecord, Example, VideoPublished } from '../../../schemas/generated.ts'
import { heads } from '../../../schemas/labels.ts'
import { decodeFeatureRow } from '../../../schemas/layouts/feature-row.ts'
import { deadLetterOf, deadLetterTopic, examples, sharedTopics, userTopics, videos } from '../../../schemas/topics.ts'
import { embeddedLog } from '../../../streams/log/embedded-log.ts'
import { type Log, partitionOf } from '../../../streams/log/log.ts'
import { deadLetterOfRecord } from '../../../streams/processor/dead-letter.ts'
import { simulatedDisk } from '../../../streams/runtime/simulated-disk.ts'
import { simulatedRuntime } from '../../../streams/runtime/simulated-runtime.ts'
import { sampleFeatures } from '../../../trainers/model/sample-features.ts'
import { correctionOf, labelsOf, PlantedWorld, tick } from '../../../trainers/planted-world.ts'
import { exportTopic } from './export-topic.ts'

const folder = mkdtempSync(join(tmpdir(), 'freshet-export-'))
const world = new PlantedWorld(7)
const made: Example[] = Array.from({ length: 300 }, () => ({ ...world.example(), predictions: floats() }))
let log: Log
let duck: DuckDBConnection

before(async () => {
  log = await embeddedLog({ disk: simulatedDisk(), directory: '/log', runtime: simulatedRuntime(1) })
  for (const spec of [...userTopics(1), ...sharedTopics()]) await log.ensureTopic(spec)
  duck = await (await DuckDBInstance.create(':memory:')).connect()
})

after(async () => {
  duck.closeSync()
  await log.close()
  rmSync(folder, { recursive: true, force: true })
})

test('examples have a column for each feature and each head', async () => {
  const correction = correctionOf(made[0]!, labelsOf(true))
  await append(examples, [...made.slice(0, 150), tick(1), ...made.slice(150), correction])
  await log.append(examples, [{ key: 'k', value: new Uint8Array([1, 2, 3]), timestampMs: 5 }])
  const { path, report } = await exported(examples)
  assert.deepEqual([report.rows, report.passedOver, report.undecodable, report.otherFeatureSets], [302, 1, 1, 0])
  assert.deepEqual(readdirSync(folder), ['examples.parquet'])

  const rows = await query(`select * from '${path}' where type = 'Example' order by log_offset`)
  assert.equal(rows.length, made.length)
  for (const [index, example] of made.entries()) {
    const row = rows[index]!
    assert.equal(row.exampleId, example.exampleId)
    assert.equal(row.weight, example.weight)
    const labels = new Float32Array(Uint8Array.from(example.labels).buffer)
    for (const [place, head] of heads.entries()) {
      const want = head === 'watchTime' ? Math.fround(Math.expm1(labels[place]!)) : labels[place]!
      assert.equal(row[`y_${head}`], Number.isNaN(want) ? null : want, head)
      assert.equal(row[`was_${head}`], null)
      assert.equal(row[`p_${head}`], Math.fround(place / 10))
    }
    for (const [side, prefix, bytes] of [
      ['query', 'q', example.queryFeatures],
      ['entry', 'e', example.features],
    ] as const) {
      const { ids, dense } = decodeFeatureRow(Uint8Array.from(bytes))
      for (const { name, start, width } of sampleFeatures[side].slots) {
        const present = [...ids.subarray(start, start + width)].filter((id) => id !== 0n)
        const found = row[`${prefix}_${name}`]
        if (width > 1) assert.deepEqual(found, present.map(String))
        else assert.equal(found, present[0] === undefined ? null : String(present[0]))
      }
      for (const [place, name] of sampleFeatures[side].denseNames.entries()) {
        assert.equal(row[`${prefix}_${name}`], dense[place])
      }
    }
  }
  const [corrected] = await query(`select y_longView, was_longView from '${path}' where type = 'LabelCorrection'`)
  assert.equal(corrected!.y_longView, 1)
  assert.notEqual(corrected!.was_longView, null)
  const [bad] = await query(`select undecodable from '${path}' where type is null`)
  assert.match(String(bad!.undecodable), /no Confluent frame/)
})

test('a range holds what was asked for', async () => {
  const place = { topic: examples, partition: partitionOf(0) }
  const path = join(folder, 'part.parquet')
  const ranges = [{ ...place, from: 10, to: 35 }]
  await exportTopic({ log, topic: examples, ranges, path, features: sampleFeatures })
  const [found] = await query(
    `select count(*)::int as n, min(log_offset)::int as low, max(log_offset)::int as high from '${path}'`,
  )
  assert.deepEqual(found, { n: 25, low: 10, high: 34 })
})

test('another topic has the fields of its records, and what is not flat as JSON', async () => {
  const video: VideoPublished = {
    type: 'VideoPublished',
    eventId: 'e1',
    eventTimeMs: 1_700_000_000_123,
    receivedTimeMs: 1_700_000_000_456,
    videoId: 'v1',
    creatorId: 'c1',
    durationMs: 15_000,
    soundId: null,
    hashtags: ['cats', 'tea'],
    category: null,
    language: 'sv',
    region: null,
    ageRating: null,
    contentId: null,
    embedding: null,
    attributes: { colour: 'red', size: 3 },
    playback: null,
  }
  await append(videos, [video])
  const { path } = await exported(videos)
  const [row] = await query(`select *, attributes->>'colour' as colour from '${path}'`)
  assert.equal(row!.type, 'VideoPublished')
  assert.equal(Number(row!.durationMs), 15_000)
  assert.deepEqual(row!.hashtags, ['cats', 'tea'])
  assert.equal(row!.soundId, null)
  assert.equal(row!.colour, 'red')
  const [time] = await query(`select epoch_ms(eventTimeMs)::varchar as t from '${path}'`)
  assert.equal(time!.t, '1700000000123')
})

test('dead letters say why', async () => {
  const spec = userTopics(1).find(({ name }) => name === examples)!
  await log.ensureTopic(deadLetterTopic(spec))
  const topic = deadLetterOf(examples)
  const [bad] = await (await log.openReader({ topic: examples, partition: partitionOf(0), from: 0 as never })).next({
    recordsMax: 1,
    waitMsMax: 0,
  })
  await log.append(topic, [deadLetterOfRecord('trainer.foryou', bad!, 'a reason')])
  const { path } = await exported(topic)
  assert.deepEqual(await query(`select type, "group", reason from '${path}'`), [
    { type: 'DeadLetter', group: 'trainer.foryou', reason: 'a reason' },
  ])
})

async function exported(topic: string) {
  const place = { topic, partition: partitionOf(0) }
  const { earliest, latest } = await log.bounds(place)
  const path = join(folder, `${topic}.parquet`)
  const ranges = [{ ...place, from: earliest, to: latest }]
  return { path, report: await exportTopic({ log, topic, ranges, path, features: sampleFeatures }) }
}

async function append(topic: string, records: readonly AnyRecord[]): Promise<void> {
  await log.append(
    topic,
    records.map((record) => ({ key: null, value: encode(record), timestampMs: 1 })),
  )
}

/** Large numbers as text, as JSON has them. */
async function query(sql: string): Promise<Record<string, unknown>[]> {
  return (await duck.runAndReadAll(sql)).getRowObjectsJson() as Record<string, unknown>[]
}

function floats(): Uint8Array {
  return new Uint8Array(Float32Array.from(heads, (_, place) => place / 10).buffer)
}
