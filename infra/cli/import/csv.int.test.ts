// A file of ratings end to end: into an embedded log twice, the second time changing nothing; and what the
// joiner makes of it has the labels that the ratings say, and no others.
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { decode } from '../../../schemas/codec.ts'
import type { AnyRecord, Example } from '../../../schemas/generated.ts'
import { heads } from '../../../schemas/labels.ts'
import { decodeFloats } from '../../../schemas/layouts/floats.ts'
import { interactions, users, videos } from '../../../schemas/topics.ts'
import { joiner } from '../../../streams/joiner/joiner.ts'
import { type Log, partitionOf } from '../../../streams/log/log.ts'
import { systemRuntime } from '../../../streams/runtime/system-runtime.ts'
import { type Config, loadConfig } from '../../config/config.ts'
import { engineTopics } from '../../processes/engine-topics.ts'
import { modelSetup } from '../../processes/model-setup.ts'
import { openConfiguredLog } from '../command-log.ts'
import { readCsv } from './csv-files.ts'
import { csvFolder, ratingsMapping } from './csv-fixtures.ts'
import { importIntoLog } from './import-into-log.ts'
import { LockstepInput } from './lockstep-input.ts'

const folder = csvFolder()
after(() => folder.remove())

const ratings: readonly (readonly [user: number, movie: number, rating: number, second: number])[] = Array.from(
  { length: 400 },
  (_, index) => [index % 37, (index * 7) % 53, 0.5 + ((index * 3) % 10) / 2, 964_982_703 + ((index * 101) % 400) * 60],
)

test('ratings become views with the label that a rating says; a second import adds nothing', async () => {
  folder.write('log.csv', `userId,movieId,rating,timestamp\n${ratings.map((row) => row.join(',')).join('\n')}\n`)
  folder.write('movies.csv', 'movieId,genres\n0,Drama|Crime\n7,Comedy\n')
  const table = { file: 'movies.csv', id: 'movieId', hashtags: { column: 'genres', separator: '|' } }
  const mapping = folder.write('ratings.jsonc', JSON.stringify({ ...ratingsMapping, videos: table }))
  const config = loadConfig({ environment: {}, flags: { dataDir: join(mapping, '..', 'data') } })
  const { spec, features } = modelSetup(config)
  const importOnce = () =>
    withLog(config, async (log) => {
      for (const topic of engineTopics(config, spec.model)) await log.ensureTopic(topic)
      return importIntoLog({ files: await readCsv({ mapping }), features, log, runtime: systemRuntime })
    })

  const first = await importOnce()
  const catalog = new Set(ratings.map(([, movie]) => movie)).size
  assert.deepEqual(first, {
    impressions: 400,
    events: 800 + catalog,
    appended: 800 + catalog,
    duplicates: 0,
  })
  const held = await everything(config)
  assert.deepEqual([held[users]!.length, held[videos]!.length, held[interactions]!.length], [0, catalog, 800])

  const labels = joined(held[interactions]!).map(({ userId, videoId, impressionTimeMs, ...example }) => {
    const told = [...decodeFloats(example.labels)].flatMap((label, head) =>
      Number.isNaN(label) ? [] : [heads[head]!, label],
    )
    return [Number(userId), Number(videoId), impressionTimeMs, ...told].join(' ')
  })
  const expected = ratings.map(([user, movie, rating, second]) =>
    [user, movie, second * 1_000, 'longView', Number(rating >= 4)].join(' '),
  )
  assert.deepEqual(labels.sort(), expected.sort())

  const second = await importOnce()
  assert.deepEqual([second.appended, second.duplicates], [0, first.events])
  assert.deepEqual(await everything(config), held)
})

async function withLog<Result>(config: Config, act: (log: Log) => Promise<Result>): Promise<Result> {
  const log = await openConfiguredLog(config)
  return act(log).finally(() => log.close())
}

function everything(config: Config): Promise<Record<string, AnyRecord[]>> {
  return withLog(config, async (log) => ({
    [users]: await recordsOf(log, users),
    [videos]: await recordsOf(log, videos),
    [interactions]: await recordsOf(log, interactions),
  }))
}

async function recordsOf(log: Log, topic: string): Promise<AnyRecord[]> {
  const place = { topic, partition: partitionOf(0) }
  const { earliest, latest } = await log.bounds(place)
  const reader = await log.openReader({ ...place, from: earliest })
  const records: AnyRecord[] = []
  while (reader.position < latest) {
    for (const { value } of await reader.next({ recordsMax: 1_000, waitMsMax: 1_000 })) {
      const record = value && decode(value)
      if (record && record.type !== 'Tick' && 'eventTimeMs' in record) records.push(record as AnyRecord)
    }
  }
  await reader.close()
  return records
}

function joined(records: readonly AnyRecord[]): Example[] {
  const input = new LockstepInput(joiner(), interactions)
  return records.flatMap((record) => input.step(record, null)).map(({ record }) => record as Example)
}
