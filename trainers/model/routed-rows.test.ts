// Rows over several buckets against one table that holds them all.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { mapTable } from '../table/map-table.ts'
import { rowsRead } from './bucketed-world.ts'
import { bucketing, itemBucketOf } from './buckets.ts'
import { routedRows } from './routed-rows.ts'
import { sampleSpec } from './sample-features.ts'

const dimension = 4

describe('rows over buckets', () => {
  test('read as those of one table', () => {
    const layout = bucketing(4, false)
    const spec = { ...sampleSpec.tables[0]!, initialScale: 0.5 }
    const anyId = fc.oneof(
      fc.constant(0n),
      fc.bigInt({ min: 1n, max: 40n }).map((id) => (id << 32n) | (id % 3n)),
    )
    fc.assert(
      fc.property(fc.array(anyId, { maxLength: 60 }), fc.array(anyId, { maxLength: 300 }), (held, asked) => {
        const one = mapTable(spec)
        const many = Array.from({ length: 4 }, () => mapTable(spec))
        for (const [index, id] of held.entries()) {
          if (id === 0n) continue
          const values = new Float32Array(dimension).fill(index)
          for (const table of [one, many[itemBucketOf(Number(id >> 32n), layout)]!]) {
            table.set(BigUint64Array.of(id), 1, values, Float64Array.of(index))
          }
        }
        const [left, right] = [one, routedRows(many, layout)].map((rows) =>
          rowsRead({ model: '', dense: new Map(), rows: () => rows }, '', BigUint64Array.from(asked)),
        )
        assert.deepEqual(right, left)
      }),
    )
  })
})
