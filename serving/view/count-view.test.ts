// Count rows read through the cache are those of the replica after any deltas.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { decode, encode } from '../../schemas/codec.ts'
import type { Delta } from '../../schemas/generated.ts'
import type { RowId } from '../../schemas/ids.ts'
import { encodeDeltaRows } from '../../schemas/layouts/delta-rows.ts'
import { countDimension } from '../../streams/features/count-columns.ts'
import { replica } from '../../trainers/model/replica.ts'
import { countsSpec } from '../../trainers/model/shipped-specs.ts'
import { mapTable } from '../../trainers/table/map-table.ts'
import { Catalog } from './catalog.ts'
import { CountView, countReader } from './count-view.ts'
import { defaultViewLimits } from './view-limits.ts'

const change = fc.record({
  table: fc.constantFrom('totals' as const, 'trends' as const),
  id: fc.bigInt({ min: 1n, max: 6n }),
  value: fc.nat(50),
  removed: fc.boolean(),
})

describe('count view', () => {
  test('reads what the replica holds, after any changes and reads', () => {
    fc.assert(
      fc.property(fc.array(change, { maxLength: 40 }), (changes) => {
        const counts = replica(countsSpec, mapTable)
        const limits = { ...defaultViewLimits, countRowsCachedMax: 4 }
        const view = new CountView(counts, new Catalog(limits), limits)
        const oracle = countReader(counts)
        changes.forEach(({ table, id, value, removed }, index) => {
          // As it comes off the wire: bytes are Buffers within larger ones.
          const delta = decode(encode(deltaOf(index, table, id, value, removed)))
          assert.ok(delta.type === 'Delta')
          assert.equal(counts.apply(delta), 'applied')
          view.changed(delta)
          for (const name of ['totals', 'trends'] as const) {
            for (let row = 1n; row <= 6n; row++) {
              const [got, want] = [new Float32Array(countDimension), new Float32Array(countDimension)]
              const gotMs = view.reader.read(name, row as RowId, got)
              assert.equal(gotMs, oracle.read(name, row as RowId, want))
              assert.deepEqual(got, want)
            }
          }
        })
      }),
    )
  })
})

function deltaOf(version: number, table: string, id: bigint, value: number, removed: boolean): Delta {
  const ids = removed ? new BigUint64Array(0) : BigUint64Array.of(id)
  const values = new Float32Array(ids.length * countDimension).fill(value)
  const rows = encodeDeltaRows({ ids, eventTimesMs: new Float64Array(ids.length).fill(version + 1), values }, false)
  const tombstones = removed ? new Uint8Array(BigUint64Array.of(id).buffer) : new Uint8Array(0)
  return {
    type: 'Delta',
    model: 'counts',
    bucket: 0,
    epoch: 0,
    baseVersion: version,
    version: version + 1,
    trainedThrough: {},
    eventTimeMs: version,
    receivedTimes: [],
    tables: [{ table, dimension: countDimension, half: false, rows, tombstones }],
    dense: [],
    lineage: 0,
  }
}
