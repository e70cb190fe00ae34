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

/** Where the outputs to a topic go. */
interface Route {
  /** The input's own partition number, where the topic has as many partitions. */
  readonly sameNumber: Partition | null
  /** Others write there as well. */
  readonly isShared: boolean
}

/** Which outputs go to partitions that nobody else writes to. */
export class OutputRouting {
  private readonly options: OutputRoutingOptions
  private readonly partitionsByTopic = new Map<string, number>()
  private readonly routeByTopic = new Map<string, Route>()

  constructor(options: OutputRoutingOptions) {
    this.options = options
  }

  note({ name, partitions }: Pick<TopicSpec, 'name' | 'partitions'>): void {
    this.partitionsByTopic.set(name, partitions)
    this.routeByTopic.clear()
  }

  to(topic: string): Route {
    const known = this.routeByTopic.get(topic)
    if (known !== undefined) return known
    const count = this.partitionsByTopic.get(topic)
    if (count === undefined) {
      throw new FreshetError(
        'topic-unknown',
        `no topic ${topic}: create it before the processors that write to it start`,
      )
    }
    const { topic: input, partition, shared } = this.options
    const isSameCount = count === this.partitionsByTopic.get(input)
    const route = { sameNumber: isSameCount ? partition : null, isShared: shared.includes(topic) }
    this.routeByTopic.set(topic, route)
    return route
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
    const { sameNumber, isShared } = this.routing.to(topic)
    const own = partition === undefined || partition === sameNumber ? sameNumber : null
    const chosen = partition ?? own
    this.outputs ??= []
    const { timestampMs, offset } = this.input
    const source = { offset, ordinal: this.outputs.length }
    const value = record === null ? null : encode(record)
    this.outputs.push({
      topic,
      owned: isShared ? null : own,
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
