// Topics on Kafka. What Kafka has no setting for, the idempotence window, stands with the rest of the spec in a compacted
// topic of our own, so that every process knows the same.
import kafkajs, { type Admin } from 'kafkajs'
import type { TopicSpec } from '../../schemas/topics.ts'
import { FreshetError } from '../runtime/errors.ts'
import type { Runtime } from '../runtime/runtime.ts'
import { brokersAreMoving, whileBrokersMove } from './kafka-cluster.ts'
import type { LogRecord, NewRecord } from './log.ts'

const specsTopic: TopicSpec = {
  name: 'freshet.topic-specs',
  partitions: 1,
  retentionMs: null,
  compacted: true,
  idempotenceMs: null,
}
const batchBytesMax = 9 * 1024 * 1024
const leaderAttempts = 100
const leaderWaitMs = 50

export interface KafkaTopicsOptions {
  readonly admin: Admin
  readonly runtime: Runtime
  readonly replicationFactor: number
  write(topic: string, partition: number, record: NewRecord): Promise<unknown>
  /** All records of a partition, oldest first. */
  readAll(topic: string, partition: number): Promise<LogRecord[]>
}

export class KafkaTopics {
  private readonly options: KafkaTopicsOptions
  private readonly specByName = new Map<string, TopicSpec>()
  private ready: Promise<void> | null = null
  private readonly ensuring = new Map<string, Promise<void>>()

  constructor(options: KafkaTopicsOptions) {
    this.options = options
  }

  async ensure(spec: TopicSpec): Promise<void> {
    const before = this.ensuring.get(spec.name) ?? Promise.resolve()
    const mine = before.catch(() => {}).then(() => this.createOrCheck(spec))
    this.ensuring.set(spec.name, mine)
    await mine
  }

  async all(): Promise<TopicSpec[]> {
    await this.refresh()
    return [...this.specByName.values()]
  }

  /** The spec of a topic made by any process. Throws topic-unknown. */
  async of(name: string): Promise<TopicSpec> {
    const known = this.specByName.get(name)
    if (known) return known
    await this.refresh()
    const found = this.specByName.get(name)
    if (found) return found
    throw new FreshetError('topic-unknown', `no topic ${name}: create it with ensureTopic`, {
      details: { topic: name },
    })
  }

  private async createOrCheck(spec: TopicSpec): Promise<void> {
    const known = this.specByName.get(spec.name)
    if (known && JSON.stringify(known) === JSON.stringify(spec)) return
    await this.refresh()
    const partitions = await this.create(spec)
    const recorded = this.specByName.get(spec.name)
    if (partitions !== spec.partitions || (recorded && recorded.compacted !== spec.compacted)) {
      const has = `${partitions} partitions${recorded?.compacted ? ', compacted' : ''}`
      throw new FreshetError('topic-mismatch', `topic ${spec.name} has ${has}: use the same, or another name`, {
        details: { topic: spec.name, has: recorded ?? { partitions }, wanted: spec },
      })
    }
    if (recorded && JSON.stringify(recorded) === JSON.stringify(spec)) return
    if (recorded) await this.alter(spec)
    const value = Buffer.from(JSON.stringify(spec))
    const timestampMs = this.options.runtime.clock.nowMs()
    await this.options.write(specsTopic.name, 0, { key: spec.name, value, timestampMs })
    this.specByName.set(spec.name, spec)
  }

  /** Creates the topic if need be; returns how many partitions it has, once each has a leader. */
  private async create(spec: TopicSpec): Promise<number> {
    const { admin, runtime, replicationFactor } = this.options
    const configEntries = settingsOf(spec)
    const topic = { topic: spec.name, numPartitions: spec.partitions, replicationFactor, configEntries }
    // On several brokers kafkajs sometimes gives up waiting for leaders: asking for the metadata is what it would do.
    await whileBrokersMove(runtime, null, () => admin.createTopics({ waitForLeaders: false, topics: [topic] }))
    for (let attempt = 0; attempt < leaderAttempts; attempt++) {
      const found = await this.partitionsWithLeaders(spec.name)
      if (found !== null) return found
      await runtime.timers.sleep(leaderWaitMs)
    }
    throw new FreshetError('log-unavailable', `topic ${spec.name} got no leaders: look at the brokers`)
  }

  private async partitionsWithLeaders(topic: string): Promise<number | null> {
    try {
      const { topics } = await this.options.admin.fetchTopicMetadata({ topics: [topic] })
      const partitions = topics[0]?.partitions ?? []
      return partitions.length > 0 && partitions.every(({ leader }) => leader >= 0) ? partitions.length : null
    } catch (error) {
      if (brokersAreMoving(error)) return null
      throw error
    }
  }

  private async alter(spec: TopicSpec): Promise<void> {
    const configEntries = settingsOf(spec)
    const resources = [{ type: kafkajs.ConfigResourceTypes.TOPIC, name: spec.name, configEntries }]
    const { admin, runtime } = this.options
    await whileBrokersMove(runtime, null, () => admin.alterConfigs({ validateOnly: false, resources }))
  }

  private async refresh(): Promise<void> {
    this.ready ??= this.create(specsTopic).then(
      () => {},
      (error) => {
        this.ready = null
        throw error
      },
    )
    await this.ready
    for (const { value } of await this.options.readAll(specsTopic.name, 0)) {
      if (!value) continue
      const spec = JSON.parse(Buffer.from(value).toString('utf8')) as TopicSpec
      this.specByName.set(spec.name, spec)
    }
  }
}

function settingsOf(spec: TopicSpec): { name: string; value: string }[] {
  return [
    { name: 'cleanup.policy', value: spec.compacted ? 'compact' : 'delete' },
    { name: 'retention.ms', value: String(spec.retentionMs ?? -1) },
    { name: 'max.message.bytes', value: String(batchBytesMax) },
  ]
}
