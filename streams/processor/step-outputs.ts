// What one step emits, held back until the step has come to its end: one that gives up has emitted nothing.
import { encode } from '../../schemas/codec.ts'
import type { AnyRecord } from '../../schemas/generated.ts'
import type { TopicSpec } from '../../schemas/topics.ts'
import type { LogRecord, Partition } from '../log/log.ts'
import { assert, FreshetError } from '../runtime/errors.ts'
import type { Output } from './output-writer.ts'
import type { StepOutput } from './processor.ts'

export interface OutputRoutingOptions {
  /** What is folded. */
  readonly topic: string
  readonly partition: Partition
  /** Topics that other processors write to as well. */
  readonly shared: readonly string[]
}

/** Which outputs go to partitions that nobody else writes to. */
export class OutputRouting {
  private readonly topic: string
  private readonly partition: Partition
  private readonly shared: ReadonlySet<string>
  private readonly partitionsByTopic = new Map<string, number>()

  constructor({ topic, partition, shared }: OutputRoutingOptions) {
    this.topic = topic
    this.partition = partition
    this.shared = new Set(shared)
  }

  note({ name, partitions }: Pick<TopicSpec, 'name' | 'partitions'>): void {
    this.partitionsByTopic.set(name, partitions)
  }

  isShared(topic: string): boolean {
    return this.shared.has(topic)
  }

  /** The input's own partition number, where the output goes there; null where the log chooses by key. */
  sameNumber(topic: string, wanted: Partition | undefined): Partition | null {
    const count = this.partitionsByTopic.get(topic)
    if (count === undefined) {
      throw new FreshetError(
        'topic-unknown',
        `no topic ${topic}: create it before the processors that write to it start`,
      )
    }
    const isSameCount = count === this.partitionsByTopic.get(this.topic)
    return isSameCount && (wanted === undefined || wanted === this.partition) ? this.partition : null
  }
}

/** Of one step. */
export class StepOutputs implements StepOutput {
  /** The first reason given. */
  rejection: string | null = null
  private readonly routing: OutputRouting
  private readonly input: LogRecord
  private outputs: Output[] | null = null
  private isOver = false

  constructor(routing: OutputRouting, input: LogRecord) {
    this.routing = routing
    this.input = input
  }

  emit(topic: string, key: string | null, record: AnyRecord | null, partition?: Partition): void {
    assert(!this.isOver, 'a step emits before it ends')
    const sameNumber = this.routing.sameNumber(topic, partition)
    const chosen = partition ?? sameNumber
    this.outputs ??= []
    const { timestampMs, offset } = this.input
    const source = { offset, ordinal: this.outputs.length }
    const value = record === null ? null : encode(record)
    this.outputs.push({
      topic,
      owned: this.routing.isShared(topic) ? null : sameNumber,
      isDeadLetter: false,
      record:
        chosen === null ? { key, value, timestampMs, source } : { key, value, timestampMs, source, partition: chosen },
    })
  }

  reject(reason: string): void {
    this.rejection ??= reason
  }

  /** Nothing may be emitted after. */
  end(): readonly Output[] {
    this.isOver = true
    return this.outputs ?? none
  }
}

const none: readonly Output[] = []
