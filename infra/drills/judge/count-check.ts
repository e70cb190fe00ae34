// Whether running counts hold every outcome once: totals summed anew from the examples, against the rows that the shards
// ended with. Outcomes are whole numbers, so a single lost or doubled one shows.
import { decode } from '../../../schemas/codec.ts'
import { examples } from '../../../schemas/topics.ts'
import { countColumnIndex, countDimension } from '../../../streams/features/count-columns.ts'
import { countIncrements } from '../../../streams/features/count-increments.ts'
import type { FeatureSet } from '../../../streams/features/feature-set.ts'
import { type Finding, FindingBuilder } from './finding.ts'
import type { LogContents } from './log-reader.ts'
import { withoutRepeats } from './partition-fold.ts'

/** Reads a row of `totals` as the shards hold it; zeros where there is none. */
export type TotalsRow = (id: bigint, out: Float32Array) => void

export function countCheck(contents: LogContents, features: FeatureSet, totals: TotalsRow): Finding {
  const found = new FindingBuilder('every outcome is counted once')
  const column = countColumnIndex.outcomes
  const expectedById = new Map<bigint, number>()
  for (let partition = 0; partition < contents.partitions(examples); partition++) {
    for (const { value } of withoutRepeats(contents.of(examples, partition))) {
      const record = value && decode(value)
      if (!record || (record.type !== 'Example' && record.type !== 'LabelCorrection')) continue
      for (const { table, id, values } of countIncrements(record, features)) {
        if (table === 'totals') expectedById.set(id, (expectedById.get(id) ?? 0) + values[column]!)
      }
    }
  }
  const row = new Float32Array(countDimension)
  for (const [id, expected] of expectedById) {
    found.compared++
    totals(id, row)
    const off = row[column]! - expected
    if (off === 0) continue
    if (off < 0) found.lost -= off
    else found.doubled += off
    found.differs(`row ${id} counts ${row[column]} outcomes, the examples have ${expected}`)
  }
  return found.finding()
}
