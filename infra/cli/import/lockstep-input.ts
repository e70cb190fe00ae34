// Feeds records to a processor by call, numbering them as a topic-partition of its own would.
import type { AnyRecord } from '../../../schemas/generated.ts'
import { offsetOf, partitionOf } from '../../../streams/log/log.ts'
import type { Processor } from '../../../streams/processor/processor.ts'
import { assert } from '../../../streams/runtime/errors.ts'

export interface LockstepOutput {
  readonly topic: string
  readonly key: string | null
  readonly record: AnyRecord
}

export class LockstepInput {
  private readonly processor: Processor
  private readonly topic: string
  private nextOffset = 0

  constructor(processor: Processor, topic: string) {
    this.processor = processor
    this.topic = topic
  }

  /** Outputs in the order of emission; deletions are left out. A rejected record is a programmer error here. */
  step(record: AnyRecord, key: string | null): LockstepOutput[] {
    const outputs: LockstepOutput[] = []
    const { receivedTimeMs } = record as { receivedTimeMs?: number }
    this.processor.step(
      {
        topic: this.topic,
        partition: partitionOf(0),
        offset: offsetOf(this.nextOffset++),
        key,
        timestampMs: receivedTimeMs ?? 0,
        record,
      },
      {
        emit: (topic, outputKey, output) => {
          if (output) outputs.push({ topic, key: outputKey, record: output })
        },
        reject: (reason) => assert(false, `${this.processor.name} takes its own kind of record: ${reason}`),
      },
    )
    return outputs
  }
}
