// What a processor makes of a partition when nothing ever disturbs it: its outputs and its state, to hold against what
// disturbed processes left behind.
import { decode, encode } from '../../../schemas/codec.ts'
import type { AnyRecord } from '../../../schemas/generated.ts'
import type { LogRecord, SourcePosition } from '../../../streams/log/log.ts'
import type { Processor, StepOutput } from '../../../streams/processor/processor.ts'
import { isRepeat } from '../../../streams/processor/source-position.ts'

export interface FoldedOutput {
  readonly topic: string
  readonly key: string | null
  readonly record: AnyRecord | null
  readonly value: Uint8Array | null
  readonly source: SourcePosition
}

export interface PartitionFold {
  readonly outputs: readonly FoldedOutput[]
  readonly rejections: readonly string[]
  readonly state: Uint8Array
}

/** Folds the records before `end` in a processor that nobody used. Where a single producer writes, what it repeated after a
 *  restart is dropped, as every consumer drops it; positions of several say nothing about each other's. */
export function foldPartition(
  processor: Processor,
  records: readonly LogRecord[],
  end: number,
  producers: 'one' | 'several',
): PartitionFold {
  const outputs: FoldedOutput[] = []
  const rejections: string[] = []
  for (const input of producers === 'one' ? withoutRepeats(records) : records) {
    if (input.offset >= end) break
    if (input.value === null) continue
    const record = decode(input.value)
    if (record.type === 'undecodable') {
      rejections.push(`${input.topic}/${input.partition} ${input.offset}: ${record.reason}`)
      continue
    }
    let ordinal = 0
    const output: StepOutput = {
      emit(topic, key, emitted) {
        const source = { offset: input.offset, ordinal: ordinal++ }
        outputs.push({ topic, key, record: emitted, value: emitted && encode(emitted), source })
      },
      reject: (reason) => rejections.push(`${input.topic}/${input.partition} ${input.offset}: ${reason}`),
    }
    if (processor.step({ ...input, record }, output) !== undefined) {
      throw new Error(`${processor.name} asks elsewhere: it is no fold of its partition alone`)
    }
  }
  return { outputs, rejections, state: processor.dump() }
}

/** Records of one partition without those that its producer wrote again after a restart. */
export function withoutRepeats(records: readonly LogRecord[]): LogRecord[] {
  let newest: SourcePosition | null = null
  return records.filter(({ source }) => {
    if (!source) return true
    if (isRepeat(source, newest)) return false
    newest = source
    return true
  })
}
