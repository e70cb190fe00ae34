// Random tables under random mappings, against a second reading of the same table written plainly: split lines, one pass a
// row, sort at the end.
import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import fc from 'fast-check'
import { csvFolder } from './csv-fixtures.ts'
import type { ImportedEngagement } from './imported-events.ts'

const folder = csvFolder()
after(() => folder.remove())

interface Row {
  readonly user: string
  readonly video: string
  readonly second: number
  readonly watched: number | null
  readonly length: number
  readonly score: number | null
  readonly broken: 'no' | 'time' | 'user' | 'short'
}

const nothing = fc.constant(null)
const rowArbitrary: fc.Arbitrary<Row> = fc.record({
  user: fc.constantFrom('u1', 'u2', 'a"b', 'c,d', 'e:f'),
  video: fc.constantFrom('v1', 'v2', 'f:v3'),
  second: fc.nat(60),
  watched: fc.oneof(fc.nat(40), nothing),
  length: fc.constantFrom(0, 5, 20),
  score: fc.oneof(fc.integer({ min: 1, max: 5 }), nothing),
  broken: fc.constantFrom('no', 'no', 'no', 'no', 'no', 'time', 'user', 'short'),
})
const choiceArbitrary = fc.record({
  atLeast: fc.integer({ min: 1, max: 5 }),
  liked: fc.boolean(),
  watch: fc.boolean(),
  unit: fc.constantFrom('s' as const, 'ms' as const, 'iso' as const),
})

const startMs = Date.UTC(2026, 0)

test('the timeline of any table is what a plain reading says', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(rowArbitrary, { maxLength: 30 }), choiceArbitrary, async (rows, chosen) => {
      const files = await folder.read(mappingOf(chosen), tableOf(rows, chosen.unit))
      const said = [...files.timeline('drop')].map((event) =>
        event.kind === 'impression'
          ? [event.impressionTimeMs, event.userId, event.videoId, 'shown', '', '']
          : [event.record.eventTimeMs, event.record.userId, event.record.videoId, ...outcome(event.record)],
      )
      assert.deepEqual(sorted(said), sorted(expected(rows, chosen)))
      const bad = [...files.badRows.values()].reduce((sum, { count }) => sum + count, 0)
      assert.deepEqual([files.rowCount, bad], [rows.length - brokenOf(rows), brokenOf(rows)])
      const ids = [...files.timeline('drop')].map((event) =>
        event.kind === 'impression' ? event.eventId : event.record.eventId,
      )
      assert.equal(new Set(ids).size, ids.length)
      assert.equal(new Set([...files.timeline('keep')].map(idOf)).size, ids.length)
    }),
    { numRuns: 60 },
  )
})

type Chosen = { atLeast: number; liked: boolean; watch: boolean; unit: 's' | 'ms' | 'iso' }
type Timed =
  ReturnType<Awaited<ReturnType<typeof folder.read>>['timeline']> extends Iterable<infer Event> ? Event : never

function idOf(event: Timed): string {
  return event.kind === 'impression' ? event.eventId : event.record.eventId
}

function mappingOf({ atLeast, liked, watch, unit }: Chosen): object {
  return {
    name: 'any',
    log: {
      files: 'log.csv',
      user: 'user',
      video: 'video',
      time: { column: 'time', unit },
      ...(watch ? { watchTime: { column: 'watched', unit: 's' }, duration: { column: 'length', unit: 's' } } : {}),
      labels: {
        longView: { column: 'score', atLeast },
        ...(liked ? { like: { column: 'score', equals: 5 } } : {}),
      },
    },
  }
}

function tableOf(rows: readonly Row[], unit: Chosen['unit']): string {
  const lines = rows.map(({ user, video, second, watched, length, score, broken }) => {
    const timeMs = startMs + 1_000 * second
    const time = unit === 'iso' ? new Date(timeMs).toISOString() : String(unit === 's' ? timeMs / 1_000 : timeMs)
    const cells = [
      broken === 'user' ? '' : user,
      video,
      broken === 'time' ? '?' : time,
      watched ?? '',
      length,
      score ?? '',
    ]
    return (broken === 'short' ? cells.slice(1) : cells)
      .map((cell) => `"${String(cell).replaceAll('"', '""')}"`)
      .join(',')
  })
  return ['user,video,time,watched,length,score', ...lines, ''].join('\n')
}

function brokenOf(rows: readonly Row[]): number {
  return rows.filter(({ broken }) => broken !== 'no').length
}

function expected(rows: readonly Row[], { atLeast, liked, watch }: Chosen): unknown[][] {
  const first = new Map<string, Row>()
  for (const row of rows.filter(({ broken }) => broken === 'no')) {
    const key = JSON.stringify([row.user, row.video, row.second])
    if (!first.has(key)) first.set(key, row)
  }
  return [...first.values()].flatMap(({ user, video, second, watched, length, score }) => {
    const shownMs = startMs + 1_000 * second
    const known = watch && watched !== null
    const endMs = shownMs + (known ? 1_000 * watched : 0)
    const long = score === null ? null : score >= atLeast
    const like = liked && score !== null ? score === 5 : null
    const derivedLong = known && length > 0 && watched >= Math.min(18, length)
    const skipped = known && watched < length && !(long ?? derivedLong)
    const told = { longView: long, like, watched: known ? watched : null, complete: known && length > 0 }
    const end = [endMs, user, video, skipped ? 'VideoSkipped' : 'VideoWatched', JSON.stringify(told)]
    return [
      [shownMs, user, video, 'shown', '', ''],
      ...(like ? [[endMs, user, video, 'VideoLiked', '']] : []),
      end,
    ].map((line) => line.slice(0, 5))
  })
}

/** What a record says of the labels that the mapping names, null where it says that it does not know. */
function outcome(record: ImportedEngagement): [string, string] {
  if (record.type !== 'VideoWatched' && record.type !== 'VideoSkipped') return [record.type, '']
  const { givenLabels, durationMs, watchTimeMs } = record
  const given = (head: string): boolean | null => {
    assert.ok(!(head in givenLabels && givenLabels[`${head}?`]), 'a label is not both told and unknown')
    return givenLabels[head] ?? null
  }
  const measured = !givenLabels['watchTime?']
  const told = {
    longView: given('longView'),
    like: given('like'),
    watched: measured ? watchTimeMs / 1_000 : null,
    complete: measured && durationMs > 0,
  }
  return [record.type, JSON.stringify(told)]
}

function sorted(lines: readonly (readonly unknown[])[]): string[] {
  return lines.map((line) => JSON.stringify(line.slice(0, 5))).sort()
}
