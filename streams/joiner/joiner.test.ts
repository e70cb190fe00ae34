// The joiner against a plain oracle over random streams, its metamorphic relations, and its rules one by one.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { Example, InteractionsRecord, LabelCorrection } from '../../schemas/generated.ts'
import { exampleId } from '../../schemas/ids.ts'
import { headIndex, heads } from '../../schemas/labels.ts'
import { decodeFloats } from '../../schemas/layouts/floats.ts'
import { joiner } from './joiner.ts'
import {
  actPart,
  type Emitted,
  emittedBy,
  pageFixture,
  startMs,
  streamArbitrary,
  tickFixture,
  watchFixture,
} from './joiner-fixtures.ts'
import { expectedLabels } from './joiner-oracle.ts'

const minuteMs = 60_000
const hourMs = 60 * minuteMs

function labelText(bytes: Uint8Array): string {
  return JSON.stringify([...decodeFloats(bytes)])
}

/** Final labels by example; fails where an example comes twice, or a correction does not follow what was said before. */
function netLabels(emitted: readonly Emitted[]): Map<string, string> {
  const labels = new Map<string, string>()
  for (const { record } of emitted) {
    if (record.type === 'Example') {
      assert.ok(!labels.has(record.exampleId), 'an example is emitted once')
      labels.set(record.exampleId, labelText(record.labels))
    } else if (record.type === 'LabelCorrection') {
      assert.equal(labelText(record.before), labels.get(record.exampleId))
      assert.notEqual(labelText(record.after), labelText(record.before))
      labels.set(record.exampleId, labelText(record.after))
    }
  }
  return labels
}

test('agrees with the oracle on every stream', () => {
  fc.assert(
    fc.property(streamArbitrary(40), (records) => {
      const actual = netLabels(emittedBy(joiner({ windowMs: 10 * minuteMs }), records))
      assert.deepEqual(sorted(actual), sorted(expectedLabels(records, 10 * minuteMs)))
    }),
    { numRuns: 400 },
  )
})

test('a dump and load at any point changes no byte of what follows', () => {
  fc.assert(
    fc.property(streamArbitrary(30), fc.nat(31), (records, cut) => {
      const straight = joiner()
      const whole = emittedBy(straight, records)
      const first = joiner()
      const before = emittedBy(first, records.slice(0, cut))
      const dump = first.dump()
      const second = joiner()
      second.load(dump)
      assert.deepEqual(second.dump(), dump)
      const after = emittedBy(second, records.slice(cut), cut)
      assert.deepEqual([...before, ...after].map(bytesOnly), whole.map(bytesOnly))
      assert.deepEqual(second.dump(), straight.dump())
    }),
    { numRuns: 200 },
  )
})

test('records that come twice change no output', () => {
  fc.assert(
    fc.property(streamArbitrary(30), fc.array(fc.tuple(fc.nat(40), fc.nat(10))), (records, repeats) => {
      const doubled = [...records]
      for (const [place, distance] of repeats) {
        const record = doubled[place]
        if (record && record.type !== 'Tick') doubled.splice(Math.min(doubled.length, place + 1 + distance), 0, record)
      }
      const once = emittedBy(joiner(), records).map(bytesOnly)
      assert.deepEqual(emittedBy(joiner(), doubled).map(bytesOnly), once)
    }),
    { numRuns: 200 },
  )
})

test('a view gives its example at once, with what was frozen and the likes before it', () => {
  const emitted = emittedBy(joiner(), [pageFixture('r1', 0), like('l', 5_000), watchFixture('w', 9_000)])
  assert.equal(emitted.length, 1)
  const example = emitted[0]!.record as Example
  assert.equal(emitted[0]!.key, 'u1')
  assert.equal(example.exampleId, exampleId('r1', 0, 'last-served'))
  assert.deepEqual([...example.features], [0, 9, 9, 9])
  assert.deepEqual([...example.queryFeatures], [1, 2, 3])
  assert.deepEqual(example.headNames, heads)
  assert.equal(labelOf(example.labels, 'like'), 1)
  assert.equal(labelOf(example.labels, 'complete'), 1)
  assert.equal(labelOf(example.predictions!, 'like'), 0.5)
  assert.ok(Number.isNaN(labelOf(example.predictions!, 'share')))
  assert.deepEqual([example.eventTimeMs, example.weight, example.propensity], [startMs + 9_000, 1, 0.5])
})

test('the similarity that was scored travels with the features, null as null, also from a dump', () => {
  const page = pageFixture('r1', 0)
  const [first, second] = page.entries
  const before = joiner()
  emittedBy(before, [{ ...page, entries: [{ ...first!, similarity: null }, second!] }])
  const subject = joiner()
  subject.load(before.dump())
  assert.deepEqual(subject.dump(), before.dump())
  const emitted = emittedBy(subject, [
    watchFixture('w1', 5_000, { position: 0, videoId: 'v1' }),
    watchFixture('w2', 9_000, { position: 1, videoId: 'v2' }),
    like('l', 12_000, { position: 1, videoId: 'v2' }),
  ])
  assert.deepEqual(
    emitted.map(({ record }) => [record.type, (record as Example | LabelCorrection).similarity]),
    [
      ['Example', null],
      ['Example', second!.similarity],
      ['LabelCorrection', second!.similarity],
    ],
  )
})

test('an engagement without view end waits for the window; entries never engaged give nothing', () => {
  const subject = joiner()
  assert.deepEqual(emittedBy(subject, [pageFixture('r1', 0), like('l', 1_000), tickFixture(minuteMs)]).map(typeOnly), [
    'Tick',
  ])
  const closed = emittedBy(subject, [tickFixture(10 * minuteMs + 1_000), tickFixture(hourMs)])
  assert.deepEqual(closed.map(typeOnly), ['Example', 'Tick', 'Tick'])
  const example = closed[0]!.record as Example
  assert.equal(example.eventTimeMs, startMs + 10 * minuteMs + 1_000)
  assert.ok(Number.isNaN(labelOf(example.labels, 'complete')))
  assert.equal(labelOf(example.labels, 'like'), 1)
})

test('later changes become corrections with the same features, and only when labels change', () => {
  const share: InteractionsRecord = { type: 'VideoShared', ...actPart('s', 30_000), channel: null, withdrawn: false }
  const save: InteractionsRecord = { type: 'VideoSaved', ...actPart('v', 31_000), withdrawn: false }
  const emitted = emittedBy(joiner(), [
    pageFixture('r1', 0),
    watchFixture('w', 9_000),
    share,
    save,
    { ...share, eventId: 's2', eventTimeMs: startMs + 40_000, withdrawn: true },
    watchFixture('w2', 50_000, { watchTimeMs: 500 }),
    watchFixture('w3', 60_000, { watchTimeMs: 45_000, replays: 1 }),
  ])
  assert.deepEqual(emitted.map(typeOnly), ['Example', 'LabelCorrection', 'LabelCorrection', 'LabelCorrection'])
  const [, shared, unshared, replayed] = emitted.map(({ record }) => record as LabelCorrection)
  assert.deepEqual([labelOf(shared!.before, 'share'), labelOf(shared!.after, 'share')], [0, 1])
  assert.equal(labelOf(unshared!.after, 'share'), 0)
  assert.equal(labelOf(replayed!.after, 'replay'), 1)
  assert.deepEqual([...shared!.features], [0, 9, 9, 9])
})

test('without a request an engagement counts for the newest page that showed the video', () => {
  const follow: InteractionsRecord = {
    type: 'CreatorFollowed',
    ...actPart('f', 50_000),
    creatorId: 'c',
    requestId: null,
    position: null,
    withdrawn: false,
  }
  const subject = joiner()
  const emitted = emittedBy(subject, [
    pageFixture('r1', 0),
    pageFixture('r2', 20_000),
    watchFixture('w', 30_000, { requestId: null, position: null }),
    watchFixture('old', 31_000, { requestId: null, position: null, eventTimeMs: startMs + 10_000 }),
    follow,
    watchFixture('unknown', 52_000, { requestId: 'nowhere' }),
    watchFixture('stranger', 53_000, { userId: 'u2' }),
    { ...follow, eventId: 'profile page', videoId: null },
  ])
  assert.deepEqual(
    emitted.map(({ record }) => [record.type, 'requestId' in record ? record.requestId : null]),
    [
      ['Example', 'r2'],
      ['Example', 'r1'],
      ['LabelCorrection', 'r2'],
    ],
  )
  assert.equal(subject.counters().unattributed, 2)
})

test('a page is forgotten 24 hours after serving, an event that claims to be later is ignored', () => {
  const subject = joiner()
  const late = watchFixture('late', 23 * hourMs, { eventTimeMs: startMs + 24 * hourMs + 1 })
  assert.deepEqual(emittedBy(subject, [pageFixture('r1', 0), late]), [])
  assert.deepEqual([subject.counters().late, subject.pagesHeld()], [1, 1])
  assert.deepEqual(emittedBy(subject, [watchFixture('forgotten', 24 * hourMs + 1)]), [])
  assert.deepEqual([subject.counters().unattributed, subject.pagesHeld()], [1, 0])
})

test('an import of old pages joins by its own time and ages no live page', () => {
  const subject = joiner()
  const old = { imported: true, userId: 'u9', eventTimeMs: startMs - 1_000 * hourMs }
  const emitted = emittedBy(subject, [
    pageFixture('r1', 0),
    pageFixture('i1', 1_000, old),
    like('l', 2_000, { userId: 'u9', requestId: 'i1', eventTimeMs: old.eventTimeMs + 1_000 }),
    pageFixture('i2', 3_000, { ...old, eventTimeMs: old.eventTimeMs + hourMs }),
    pageFixture('i3', 3_000, { ...old, eventTimeMs: old.eventTimeMs + 25 * hourMs + 1 }),
    watchFixture('w', 4_000),
  ])
  assert.deepEqual(
    emitted.map(({ record }) => ('imported' in record ? [record.type, record.requestId, record.imported] : [])),
    [
      ['Example', 'i1', true],
      ['Example', 'r1', false],
    ],
  )
  assert.equal((emitted[0]!.record as Example).eventTimeMs, old.eventTimeMs + 1_000 + 10 * minuteMs)
  assert.equal(subject.pagesHeld(), 2)
})

test('pages past the limit go, oldest first, and what they waited for is settled', () => {
  const subject = joiner({ pagesMax: 2 })
  const emitted = emittedBy(subject, [
    pageFixture('r1', 0),
    like('l', 1_000),
    pageFixture('r2', 2_000),
    pageFixture('r3', 3_000),
  ])
  assert.deepEqual(emitted.map(typeOnly), ['Example'])
  assert.deepEqual([subject.pagesHeld(), subject.counters().evicted], [2, 1])
})

test('entries served without features are attributed and give no example', () => {
  const subject = joiner()
  const blind = pageFixture('r2', 1_000, { featureSet: '' })
  assert.deepEqual(emittedBy(subject, [pageFixture('r1', 0), blind, watchFixture('w', 2_000, { requestId: null })]), [])
  assert.equal(subject.counters().unscored, 1)
})

test('given labels stand in place of derived ones; endless loops weigh less', () => {
  const given = watchFixture('w', 9_000, {
    watchTimeMs: 1_000,
    givenLabels: { longView: true, like: true, other: true },
  })
  const looped = watchFixture('w2', 9_000, { videoId: 'v2', position: 1, watchTimeMs: 4 * 160_000, durationMs: 20_000 })
  const [first, second] = emittedBy(joiner(), [pageFixture('r1', 0), given, looped]).map(
    ({ record }) => record as Example,
  )
  assert.deepEqual(
    [labelOf(first!.labels, 'longView'), labelOf(first!.labels, 'like'), labelOf(first!.labels, 'earlySkip')],
    [1, 1, 1],
  )
  assert.deepEqual([first!.weight, second!.weight], [1, 0.25])
})

test('what a log does not tell is unknown, until an engagement tells it', () => {
  const rated = watchFixture('w', 9_000, {
    watchTimeMs: 0,
    durationMs: 0,
    givenLabels: { longView: false, 'like?': true, 'share?': true, 'replay?': true, 'watchTime?': true },
  })
  const liked: InteractionsRecord = { type: 'VideoLiked', ...actPart('l', 9_500), withdrawn: false }
  const [first, second] = emittedBy(joiner(), [pageFixture('r1', 0), rated, liked])
  const before = (first!.record as Example).labels
  const after = (second!.record as LabelCorrection).after
  const told = ['longView', 'like', 'share', 'replay', 'watchTime', 'comment'] as const
  assert.deepEqual(
    told.map((head) => labelOf(before, head)),
    [0, Number.NaN, Number.NaN, Number.NaN, Number.NaN, 0],
  )
  assert.deepEqual(
    told.map((head) => labelOf(after, head)),
    [0, 1, Number.NaN, Number.NaN, Number.NaN, 0],
  )
})

test('sampling keeps negatives by their id; of what comes of one later, nothing is lost and nothing counts twice', () => {
  const records = (likes: boolean) =>
    Array.from({ length: 400 }, (_, page): InteractionsRecord[] => {
      const requestId = `r${page}`
      const watched = watchFixture(`w${page}`, page, { requestId, watchTimeMs: 300 })
      const unlike = like(`u${page}`, page, { requestId, withdrawn: true })
      return [pageFixture(requestId, page), watched, ...(likes ? [like(`l${page}`, page, { requestId }), unlike] : [])]
    }).flat()
  const kept = emittedBy(joiner({ negativeShare: 0.25 }), records(false)).map(({ record }) => record as Example)
  assert.ok(kept.length > 60 && kept.length < 140)
  assert.ok(kept.every(({ type, weight }) => type === 'Example' && weight === 4))
  const keptIds = new Set(kept.map(({ exampleId }) => exampleId))

  const emittedById = new Map<string, (Example | LabelCorrection)[]>()
  for (const { record } of emittedBy(joiner({ negativeShare: 0.25 }), records(true))) {
    const { exampleId } = record as Example
    emittedById.set(exampleId, [...(emittedById.get(exampleId) ?? []), record as Example | LabelCorrection])
  }
  assert.equal(emittedById.size, 400)
  for (const [id, emitted] of emittedById) {
    const told = emitted.map((record) => {
      const known = record.type === 'Example' ? [record.labels] : [record.before, record.after]
      return [record.weight, ...known.map((labels) => labelOf(labels, 'like'))]
    })
    const left = [
      [1, 1],
      [1, 1, 0],
    ]
    const taken = [
      [4, 0],
      [4, 0, Number.NaN],
      [1, Number.NaN, 1],
      [1, 1, 0],
    ]
    assert.deepEqual(told, keptIds.has(id) ? taken : left)
    assert.deepEqual(
      emitted.map(({ type }) => type === 'Example'),
      emitted.map((_, index) => index === 0),
    )
  }
})

test('sampling leaves alone whatever came to something, good or bad', () => {
  const watchedMsByName = { skipped: 300, lukewarm: 9_000, long: 19_000, hidden: 300, overnight: 40_000_000 }
  const kinds = Object.keys(watchedMsByName) as (keyof typeof watchedMsByName)[]
  const records = Array.from({ length: 100 }, (_, page) => {
    return kinds.flatMap((kind): InteractionsRecord[] => {
      const requestId = `${kind} ${page}`
      const act = { requestId, watchTimeMs: watchedMsByName[kind] }
      const watched = watchFixture(`watched ${requestId}`, page, act)
      const hidden: InteractionsRecord = {
        type: 'NotInterested',
        ...actPart(`hidden ${requestId}`, page),
        requestId,
        reason: null,
        withdrawn: false,
      }
      return [pageFixture(requestId, page), ...(kind === 'hidden' ? [hidden] : []), watched]
    })
  }).flat()
  const kept = emittedBy(joiner({ negativeShare: 0.25 }), records).map(({ record }) => record as Example)
  const weightsOf = (kind: string) =>
    kept.filter(({ requestId }) => requestId.startsWith(kind)).map(({ weight }) => weight)
  for (const kind of ['skipped', 'lukewarm']) {
    const weights = weightsOf(kind)
    assert.ok(weights.length > 8 && weights.length < 45, `${weights.length} of 100 ${kind}`)
    assert.deepEqual(new Set(weights), new Set([4]))
  }
  for (const kind of ['long', 'hidden', 'overnight']) assert.equal(weightsOf(kind).length, 100, kind)
  assert.ok(weightsOf('overnight').every((weight) => weight < 1))
})

function like(eventId: string, atMs: number, changes: object = {}): InteractionsRecord {
  return { type: 'VideoLiked', ...actPart(eventId, atMs), withdrawn: false, ...changes }
}

function labelOf(bytes: Uint8Array, head: (typeof heads)[number]): number {
  return decodeFloats(bytes)[headIndex[head]]!
}

function typeOnly({ record }: Emitted): string {
  return record.type
}

function bytesOnly({ key, bytes }: Emitted): string {
  return `${key} ${bytes}`
}

function sorted(labels: ReadonlyMap<string, string>): [string, string][] {
  return [...labels].sort()
}
