// Checks crossed with every exported feature, and what each feature means through both its sides.
import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import { test } from 'node:test'
import type { LabelCorrection } from '../../schemas/generated.ts'
import { crossRowId, rowId } from '../../schemas/ids.ts'
import { headIndex, heads } from '../../schemas/labels.ts'
import { encodeFloats } from '../../schemas/layouts/floats.ts'
import { countColumnIndex } from './count-columns.ts'
import { countIncrements } from './count-increments.ts'
import { defaultFeatures, selectFeatures } from './default-features.ts'
import { explainRow, featureNames } from './explain-row.ts'
import type { Feature, QueryContext } from './feature.ts'
import {
  CountsByRow,
  contextFixture,
  exampleFixture,
  historyEntryFixture,
  noonMs,
  seededUniform,
  videoFixture,
} from './feature-fixtures.ts'
import { featureSet } from './feature-set.ts'
import { durationBand, trendRowId } from './own-ids.ts'
import { numberBucket } from './profile-slots.ts'

const all = featureSet(defaultFeatures)

function labelsWith(changes: Partial<Record<(typeof heads)[number], number>>): Float32Array {
  const labels = new Float32Array(heads.length)
  for (const head of heads) labels[headIndex[head]] = changes[head] ?? 0
  return labels
}

async function exportedFeatures(): Promise<Feature[]> {
  const files = readdirSync(import.meta.dirname).filter((file) => /^[a-z-]+\.ts$/.test(file))
  const modules = await Promise.all(files.map((file) => import(`./${file}`) as Promise<Record<string, unknown>>))
  const single = modules.flatMap((exported) => Object.values(exported).filter((value) => value !== defaultFeatures))
  return single.flat().filter(isFeature)
}

function isFeature(value: unknown): value is Feature {
  return typeof value === 'object' && value !== null && 'slots' in value && 'dense' in value && 'name' in value
}

const exported = await exportedFeatures()

test('every exported feature is in the default list, once', () => {
  assert.deepEqual(new Set(exported), new Set(defaultFeatures))
  assert.equal(new Set(defaultFeatures.map((feature) => feature.name)).size, defaultFeatures.length)
})

for (const feature of exported) {
  test(`${feature.name}: same input same bytes, input unchanged, numbers finite, sides as declared`, () => {
    const set = featureSet([feature])
    const uniform = seededUniform(7)
    for (let round = 0; round < 20; round++) {
      const counts = new CountsByRow()
      const context = randomContext(uniform, counts)
      const video = randomVideo(uniform)
      for (let outcome = 0; outcome < 5; outcome++) {
        const example = exampleFixture(all, context, video, randomLabels(uniform))
        counts.push(countIncrements(example, all), example.eventTimeMs)
      }
      const seen = (value: unknown) =>
        JSON.stringify(value, (name, part) => (name === 'rowIdsBySlot' || name === 'counts' ? undefined : part))
      const before = [seen(context), seen(video)]
      const fresh = { ...context, user: { ...context.user, rowIdsBySlot: new Map() } }
      // Counts have moved under `context`: a page of its own.
      const page = { ...context }
      const first = [set.readQuery(page), set.readEntry(page, video)]
      const second = [set.readQuery(fresh), set.readEntry(fresh, { ...video, rowIdsBySlot: new Map() })]
      assert.deepEqual(first, second)
      assert.deepEqual([seen(context), seen(video)], before)
      for (const row of first) for (const value of row.dense) assert.ok(Number.isFinite(value) && Math.abs(value) <= 8)
      for (const slot of feature.slots) assert.ok(set[slot.side].slotByName.has(slot.name))
    }
  })
}

test('all slots that a model spec may name are there, on their side', () => {
  const names = featureNames(all)
  assert.deepEqual(names.query.slots.map((slot) => slot.name).sort(), [
    ...'device hour interests language network recentNegative recentPositive region surface user'.split(' '),
    ...Array.from({ length: 8 }, (_, group) => `userAttributes.${group}`),
    ...'userXsurface weekday'.split(' '),
  ])
  assert.deepEqual(names.entry.slots.map((slot) => slot.name).sort(), [
    ...'creator durationBand hashtagXsurface hashtags sound userXcreator userXdurationBand userXhashtag video'.split(
      ' ',
    ),
    ...Array.from({ length: 4 }, (_, group) => `videoAttributes.${group}`),
    ...'videoLanguage videoXsurface'.split(' '),
  ])
})

test('own ids and crosses are the ids of their texts', () => {
  const context = contextFixture()
  const video = videoFixture()
  const query = explainRow(all, 'query', all.readQuery(context)).idsBySlot
  const entry = explainRow(all, 'entry', all.readEntry(context, video)).idsBySlot
  const hex = (id: bigint) => id.toString(16).padStart(16, '0')
  const user = rowId('user', 'u1')
  assert.deepEqual(query.user, [hex(user)])
  assert.deepEqual(query.hour, [hex(rowId('hour', '12'))])
  assert.deepEqual(query.recentPositive, [hex(rowId('video', 'h1'))])
  assert.deepEqual(query.userXsurface, [hex(crossRowId('userXsurface', user, rowId('surface', 'foryou')))])
  assert.deepEqual(
    entry.hashtags,
    ['category:pets', 'cats', 'music'].map((text) => hex(rowId('hashtags', text))),
  )
  assert.deepEqual(entry.durationBand, [hex(rowId('durationBand', String(durationBand(15_000))))])
  assert.deepEqual(entry.userXcreator, [hex(crossRowId('userXcreator', user, rowId('creator', 'c1')))])
  assert.equal(durationBand(15_000), 16)
  assert.deepEqual([numberBucket(3), numberBucket(-2.5), numberBucket(1e6)], ['3', '-2^1.75', '2^20'])
})

test('every attribute is in one slot, whatever others there are', () => {
  const attributes = Object.fromEntries(Array.from({ length: 40 }, (_, index) => [`name${index}`, `value${index}`]))
  const slotsOf = (given: Record<string, string>) => {
    const user = { ...contextFixture().user, attributes: given, rowIdsBySlot: new Map() }
    const { idsBySlot } = explainRow(all, 'query', all.readQuery(contextFixture({ user })))
    return Object.entries(idsBySlot).filter(([slot]) => slot.startsWith('userAttributes.'))
  }
  const together = slotsOf(attributes)
  assert.equal(together.flatMap(([, ids]) => ids).length, 40)
  for (const [name, value] of Object.entries(attributes)) {
    const [[slot, ids] = ['', []], ...others] = slotsOf({ [name]: value }).filter(([, ids]) => ids.length > 0)
    assert.equal(others.length, 0)
    assert.ok(together.find(([other]) => other === slot)![1].includes(ids[0]!))
  }
})

test('what was done of late counts less as time passes, totals do not', () => {
  const counts = new CountsByRow()
  const example = exampleFixture(all, contextFixture({ counts }), videoFixture(), labelsWith({ like: 1 }))
  counts.push(countIncrements(example, all), example.eventTimeMs)
  const likes = (nowMs: number) => {
    const { denseByName } = explainRow(all, 'query', all.readQuery(contextFixture({ counts, nowMs })))
    return [denseByName['user.like']!, denseByName['userRecent.like']!]
  }
  const [total, recent] = likes(noonMs)
  assert.equal(total, recent)
  const [later, faded] = likes(noonMs + 6 * 86_400_000)
  assert.equal(later, total)
  assert.ok(faded! < recent! && faded! > 0)
})

test('rates go up with what happened, under each entity, and back after the correction', () => {
  const counts = new CountsByRow()
  const video = videoFixture()
  const read = () => {
    const context = contextFixture({ counts })
    return {
      ...explainRow(all, 'query', all.readQuery(context)).denseByName,
      ...explainRow(all, 'entry', all.readEntry(context, video)).denseByName,
    }
  }
  const start = read()
  const liked = labelsWith({ complete: 1, longView: 1, like: 1, watchTime: 3 })
  const example = exampleFixture(all, contextFixture({ counts }), video, liked)
  counts.push(countIncrements(example, all), example.eventTimeMs)
  const after = read()
  const rated =
    'user userRecent surface userXsurface userXsurfaceRecent video videoXsurface creator sound userXcreator userXdurationBand hashtags.mean hashtags.max userXhashtag.mean userXhashtag.max'
  for (const entity of rated.split(' ')) {
    assert.equal(start[`${entity}.outcomes`], 0, entity)
    assert.ok(after[`${entity}.like`]! > 0.5, entity)
    assert.ok(after[`${entity}.outcomes`]! > 0, entity)
  }
  assert.ok(after['trend.like']! > 0.5 && after['regionTrend.like']! > 0.5)
  const ages =
    'sinceLastOutcome userXsurface.age video.age creator.age userXcreator.age userXdurationBand.age userXhashtag.age'
  for (const age of ages.split(' ')) assert.ok(after[age]! < start[age]!, age)
  const correction = correctionOf(example, liked, labelsWith({ complete: 1, longView: 1, watchTime: 3 }))
  counts.push(countIncrements(correction, all), correction.eventTimeMs)
  assert.ok(read()['user.like']! < 0)
})

test('corrections leave the totals that the final labels alone would give', () => {
  const uniform = seededUniform(3)
  const corrected = new CountsByRow()
  const direct = new CountsByRow()
  for (let round = 0; round < 50; round++) {
    const context = randomContext(uniform, new CountsByRow())
    const video = randomVideo(uniform)
    const labels = [randomLabels(uniform), randomLabels(uniform), randomLabels(uniform)]
    const example = exampleFixture(all, context, video, labels[0]!)
    corrected.push(countIncrements(example, all), noonMs)
    for (const change of [1, 2]) {
      corrected.push(countIncrements(correctionOf(example, labels[change - 1]!, labels[change]!), all), noonMs)
    }
    direct.push(countIncrements(exampleFixture(all, context, video, labels[2]!), all), noonMs)
  }
  assert.equal(corrected.rows.totals.size, direct.rows.totals.size)
  for (const [id, row] of direct.rows.totals) assert.deepEqual(corrected.rows.totals.get(id)?.values, row.values)
})

test('a correction that changes nothing, or another layout, moves nothing', () => {
  const example = exampleFixture(all, contextFixture(), videoFixture(), labelsWith({ like: 1 }))
  assert.deepEqual(countIncrements(correctionOf(example, labelsWith({}), labelsWith({})), all), [])
  assert.deepEqual(countIncrements({ ...example, featureSet: 'other' }, all), [])
  const one = countIncrements(example, all)
  assert.equal(new Set(one.map(({ table, id }) => `${table} ${id}`)).size, one.length)
  assert.equal(one[0]?.values[countColumnIndex.outcomes], 1)
})

test('later outcomes replaced by noise change no earlier row', () => {
  const run = (noiseFrom: number): string[] => {
    const uniform = seededUniform(11)
    const noise = seededUniform(99)
    const counts = new CountsByRow()
    const rows: string[] = []
    for (let step = 0; step < 60; step++) {
      const context = randomContext(uniform, counts, noonMs + step * 60_000)
      const video = randomVideo(uniform)
      const labels = randomLabels(uniform)
      const example = exampleFixture(all, context, video, step < noiseFrom ? labels : randomLabels(noise))
      rows.push(Buffer.concat([example.queryFeatures, example.features]).toString('base64'))
      counts.push(countIncrements(example, all), example.eventTimeMs)
    }
    return rows
  }
  const clean = run(60)
  const noisy = run(30)
  assert.deepEqual(noisy.slice(0, 31), clean.slice(0, 31))
  assert.notDeepEqual(noisy.slice(31), clean.slice(31))
})

test('trends fade and are found under the id that sources ask for', () => {
  const counts = new CountsByRow()
  const example = exampleFixture(all, contextFixture({ counts }), videoFixture(), labelsWith({ complete: 1 }))
  counts.push(countIncrements(example, all), noonMs)
  assert.ok(counts.rows.trends.has(trendRowId('DE', 'v1')))
  const later = contextFixture({ counts, nowMs: noonMs + 24 * 3_600_000 })
  const dense = (context: QueryContext) => explainRow(all, 'entry', all.readEntry(context, videoFixture())).denseByName
  const now = dense(contextFixture({ counts }))['regionTrend.outcomes']!
  assert.ok(now > 0 && dense(later)['regionTrend.outcomes']! < now / 8)
})

test('session features follow the last half hour', () => {
  const skipped = historyEntryFixture({
    videoId: 'h2',
    completed: false,
    earlySkip: true,
    creatorId: 'c2',
    hashtags: ['music'],
  })
  const old = historyEntryFixture({ videoId: 'h3', eventTimeMs: noonMs - 3_600_000, liked: true })
  const context = contextFixture({ history: { recent: [historyEntryFixture(), skipped, old] } })
  const query = explainRow(all, 'query', all.readQuery(context)).denseByName
  const entry = explainRow(all, 'entry', all.readEntry(context, videoFixture())).denseByName
  assert.equal(query.sessionSkipRate, 0.25)
  assert.equal(entry.sessionCreatorAffinity, 1)
  assert.ok(Math.abs(entry.sessionHashtagAffinity! - (1 - 0.9) / 2) < 1e-6)
})

test('features are left out by name or pattern; an unknown name is refused', () => {
  const without = selectFeatures({ exclude: ['session', '*Rates', 'trends'] })
  const names = featureSet(without)
  assert.ok(!without.some((feature) => /Rates$|session|trends/.test(feature.name)))
  assert.ok(names.query.slotByName.has('user') && names.entry.slotByName.has('userXcreator'))
  assert.notEqual(names.fingerprint, all.fingerprint)
  assert.throws(() => selectFeatures({ exclude: ['sesion'] }), { code: 'config-invalid' })
})

function correctionOf(
  example: ReturnType<typeof exampleFixture>,
  before: Float32Array,
  after: Float32Array,
): LabelCorrection {
  const { labels: _labels, predictions: _predictions, propensity: _propensity, source: _source, ...frozen } = example
  return { ...frozen, type: 'LabelCorrection', before: encodeFloats(before), after: encodeFloats(after) }
}

function pick<T>(uniform: () => number, choices: readonly T[]): T {
  return choices[Math.floor(uniform() * choices.length)]!
}

function randomContext(uniform: () => number, counts: CountsByRow, nowMs = noonMs): QueryContext {
  const base = contextFixture({ counts, nowMs })
  return {
    ...base,
    user: { ...base.user, userId: pick(uniform, ['u1', 'u2', 'u3']), rowIdsBySlot: new Map() },
    surface: pick(uniform, ['foryou', 'following', '']),
    region: pick(uniform, ['DE', 'FR', '']),
    history: {
      recent: Array.from({ length: Math.floor(uniform() * 5) }, (_, index) =>
        historyEntryFixture({
          videoId: `h${index}`,
          eventTimeMs: nowMs - index * 600_000,
          creatorId: pick(uniform, ['c1', 'c2', null]),
          liked: uniform() < 0.3,
          earlySkip: uniform() < 0.3,
          notInterested: uniform() < 0.2,
        }),
      ),
    },
  }
}

function randomVideo(uniform: () => number) {
  return videoFixture({
    videoId: pick(uniform, ['v1', 'v2', 'v3', 'v4']),
    creatorId: pick(uniform, ['c1', 'c2']),
    soundId: pick(uniform, ['s1', null]),
    hashtags: pick(uniform, [['cats'], ['cats', 'music', 'a', 'b', 'c', 'd', 'e'], []]),
    category: pick(uniform, ['pets', null]),
    language: pick(uniform, ['en', null]),
    durationMs: pick(uniform, [0, 7_000, 90_000]),
    rowIdsBySlot: new Map(),
  })
}

function randomLabels(uniform: () => number): Float32Array {
  const labels = new Float32Array(heads.length)
  for (let head = 0; head < heads.length; head++) labels[head] = uniform() < 0.4 ? 1 : 0
  labels[headIndex.watchTime] = Math.round(uniform() * 16) / 4
  if (uniform() < 0.2)
    for (const head of ['complete', 'longView', 'earlySkip'] as const) labels[headIndex[head]] = Number.NaN
  return labels
}
