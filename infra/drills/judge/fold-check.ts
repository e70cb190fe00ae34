// Whether a processor's outputs and its newest checkpoint are those of an independent fold of its input.
import { decode, encode } from '../../../schemas/codec.ts'
import { offsetOf, partitionOf } from '../../../streams/log/log.ts'
import { newestCheckpoint } from '../../../streams/processor/checkpoint.ts'
import type { Processor } from '../../../streams/processor/processor.ts'
import type { BlobStore } from '../../../streams/stores/blob-store.ts'
import { type Finding, FindingBuilder } from './finding.ts'
import type { LogContents } from './log-reader.ts'
import { type FoldedOutput, foldPartition, type PartitionFold, withoutRepeats } from './partition-fold.ts'

export interface FoldedMover {
  readonly group: string
  readonly topic: string
  readonly partition: number
  /** How many write to its input. */
  readonly producers: 'one' | 'several'
  /** Where it writes under the same partition number. */
  readonly output: string
  /** Fresh. */
  readonly processor: Processor
}

export interface JudgedFold {
  readonly finding: Finding
  readonly fold: PartitionFold
  /** Next input offset of the newest checkpoint. */
  readonly next: number
}

/** Every input before the newest checkpoint is folded; outputs after it are not looked at. */
export async function foldCheck(mover: FoldedMover, contents: LogContents, blobs: BlobStore): Promise<JudgedFold> {
  const { group, topic, partition, output, processor } = mover
  const found = new FindingBuilder(`${group} ${topic}/${partition} is a fold of its log`)
  const owner = { group, processor: processor.name, topic, partition: partitionOf(partition) }
  const checkpoint = await newestCheckpoint(blobs, owner, () => {})
  const next = checkpoint?.next ?? offsetOf(0)
  const fold = foldPartition(processor, contents.of(topic, partition), next, mover.producers)
  for (const rejection of fold.rejections) found.differs(`the fold rejects ${rejection}`)
  if (checkpoint) {
    found.compared++
    if (Buffer.compare(checkpoint.state, fold.state) !== 0) {
      found.differs(`the state of ${group} at ${topic}/${partition} ${next} is not the fold's`)
    }
  } else if (contents.of(topic, partition).length > 0) {
    found.differs(`${group} left no checkpoint of ${topic}/${partition}`)
  }
  compareOutputs(fold.outputs, contents, output, partition, next, found)
  return { finding: found.finding(), fold, next }
}

function compareOutputs(
  folded: readonly FoldedOutput[],
  contents: LogContents,
  topic: string,
  partition: number,
  next: number,
  found: FindingBuilder,
): void {
  const logged = new Map<string, Uint8Array | null>()
  for (const { source, value } of withoutRepeats(contents.of(topic, partition))) {
    if (!source || source.offset >= next) continue
    const name = nameOf(source)
    if (logged.has(name)) found.doubled++
    logged.set(name, value)
  }
  for (const output of folded) {
    if (output.topic !== topic) continue
    found.compared++
    const name = nameOf(output.source)
    const value = logged.get(name)
    if (value === undefined) {
      found.lost++
      found.differs(`${topic}/${partition} lacks the output ${name}`)
    } else if (!isSame(value, output)) {
      found.differs(`${topic}/${partition} ${name} is not what the fold gives`)
    }
    logged.delete(name)
  }
  for (const name of logged.keys()) {
    found.doubled++
    found.differs(`${topic}/${partition} holds ${name}, which the fold does not give`)
  }
}

/** Owners stamp deltas with their own epoch; everything else is decided by the fold. */
function isSame(value: Uint8Array | null, { record }: FoldedOutput): boolean {
  if (value === null || record === null) return value === record
  return Buffer.compare(withoutEpoch(value), withoutEpoch(encode(record))) === 0
}

function withoutEpoch(value: Uint8Array): Uint8Array {
  const record = decode(value)
  return record.type === 'Delta' ? encode({ ...record, epoch: 0 }) : value
}

function nameOf({ offset, ordinal }: { readonly offset: number; readonly ordinal: number }): string {
  return `${offset}.${ordinal}`
}
