// Features read through rows that a reader keeps are byte for byte those of a reader that keeps none.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { RowId } from '../../schemas/ids.ts'
import { heads } from '../../schemas/labels.ts'
import type { CountTable } from './count-columns.ts'
import { countDimension } from './count-columns.ts'
import { countIncrements } from './count-increments.ts'
import { defaultFeatures } from './default-features.ts'
import type { CountReader, VideoFacts } from './feature.ts'
import { CountsByRow, contextFixture, exampleFixture, noonMs, seededUniform, videoFixture } from './feature-fixtures.ts'
import { featureSet } from './feature-set.ts'

const all = featureSet(defaultFeatures)

class KeepingReader implements CountReader {
  private readonly counts: CountsByRow
  private readonly kept = new Map<string, { values: Float32Array; eventTimeMs: number; current: boolean }>()

  constructor(counts: CountsByRow) {
    this.counts = counts
  }

  read(table: CountTable, id: RowId, out: Float32Array): number {
    return this.counts.read(table, id, out)
  }

  row(table: CountTable, id: RowId) {
    const key = `${table} ${id}`
    let row = this.kept.get(key)
    if (row === undefined) {
      const values = new Float32Array(countDimension)
      row = { values, eventTimeMs: this.counts.read(table, id, values), current: true }
      this.kept.set(key, row)
    }
    return row
  }

  forget(table: CountTable, id: RowId): void {
    const key = `${table} ${id}`
    const row = this.kept.get(key)
    if (row) row.current = false
    this.kept.delete(key)
  }
}

test('rows that are held over many pages read as fresh ones do', () => {
  const uniform = seededUniform(5)
  const pick = <T>(choices: readonly T[]): T => choices[Math.floor(uniform() * choices.length)]!
  const counts = new CountsByRow()
  const keeping = new KeepingReader(counts)
  const videos: VideoFacts[] = Array.from({ length: 6 }, (_, index) =>
    videoFixture({ videoId: `v${index}`, creatorId: `c${index % 2}`, hashtags: ['cats', `tag${index % 3}`] }),
  )
  for (let page = 0; page < 200; page++) {
    const base = contextFixture({ nowMs: noonMs + page * 60_000 })
    const asked = {
      ...base,
      user: { ...base.user, userId: pick(['u1', 'u2']), rowIdsBySlot: new Map() },
      region: pick(['DE', 'FR']),
      surface: pick(['foryou', 'tab']),
    }
    const held = { ...asked, counts: keeping }
    const fresh = { ...asked, counts }
    for (const video of videos) {
      const own = { ...video, rowIdsBySlot: new Map() }
      const want = [all.readQuery(fresh), all.readEntry(fresh, own)]
      assert.deepEqual([all.readQuery(held), all.readEntry(held, video)], want)
    }
    if (uniform() < 0.3) continue
    const labels = Float32Array.from(heads, () => (uniform() < 0.4 ? 1 : 0))
    const example = exampleFixture(all, { ...fresh }, pick(videos), labels)
    const increments = countIncrements(example, all)
    counts.push(increments, asked.nowMs)
    for (const { table, id } of increments) keeping.forget(table, id)
  }
})
