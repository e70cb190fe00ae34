// Whether each example was folded once into each bucket that its ids touch: ranges are taken from the gradients in the log
// by the rule of the marks, ids from the examples themselves, and neither from what a process counted.
import { decode } from '../../../schemas/codec.ts'
import type { Example, Gradient, LabelCorrection } from '../../../schemas/generated.ts'
import { examples, gradientsOf } from '../../../schemas/topics.ts'
import type { LogRecord } from '../../../streams/log/log.ts'
import { type Finding, FindingBuilder } from './finding.ts'
import type { LogContents } from './log-reader.ts'
import { withoutRepeats } from './partition-fold.ts'

export interface AppliedRange {
  readonly from: number
  readonly to: number
}

/** Buckets that an example of this partition touches, dense bucket included. */
export type BucketsTouched = (example: Example | LabelCorrection, examplePartition: number) => ReadonlySet<number>

export function rangeCheck(contents: LogContents, model: string, touched: BucketsTouched): Finding {
  const found = new FindingBuilder(`each example counts once in each bucket of ${model}`)
  const topic = gradientsOf(model)
  const buckets = contents.partitions(topic)
  const rangesByBucket = Array.from({ length: buckets }, (_, bucket) =>
    appliedRanges(contents.of(topic, bucket), found),
  )
  for (let partition = 0; partition < contents.partitions(examples); partition++) {
    const records = withoutRepeats(contents.of(examples, partition))
    for (const { offset, value } of records) {
      const record = value && decode(value)
      if (!record || (record.type !== 'Example' && record.type !== 'LabelCorrection')) continue
      for (const bucket of touched(record, partition)) {
        found.compared++
        const times = timesCovered(rangesByBucket[bucket]!.get(partition) ?? [], offset)
        if (times === 0) {
          found.lost++
          found.differs(`${examples}/${partition} ${offset} is in no gradient that bucket ${bucket} folded`)
        } else if (times > 1) {
          found.doubled += times - 1
          found.differs(`${examples}/${partition} ${offset} is in ${times} gradients that bucket ${bucket} folded`)
        }
      }
    }
  }
  return found.finding()
}

/** Ranges that the rule of the marks lets in, by example partition, in order. */
export function appliedRanges(records: readonly LogRecord[], found: FindingBuilder): Map<number, AppliedRange[]> {
  const ranges = new Map<number, AppliedRange[]>()
  for (const { topic, partition, offset, value } of records) {
    const gradient = value && decode(value)
    if (gradient?.type !== 'Gradient') continue
    const { examplePartition, fromOffset, toOffset, previousToOffset } = gradient as Gradient
    const own = ranges.get(examplePartition) ?? []
    ranges.set(examplePartition, own)
    const mark = own.at(-1)?.to ?? 0
    if (toOffset <= mark) continue
    if (previousToOffset === mark) own.push({ from: fromOffset, to: toOffset })
    else found.differs(`${topic}/${partition} ${offset} follows ${previousToOffset}, but the mark is ${mark}`)
  }
  return ranges
}

function timesCovered(ranges: readonly AppliedRange[], offset: number): number {
  let times = 0
  for (const { from, to } of ranges) if (from <= offset && offset < to) times++
  return times
}
