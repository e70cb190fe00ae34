// Where partitions begin and end: asked of the broker that leads them, one request at a time, which carries the questions
// of all callers that waited. A question about one partition costs what one partition costs.
import type { Runtime } from '../runtime/runtime.ts'
import { type KafkaCluster, leaderless, leaderOf, whileBrokersMove } from './kafka-cluster.ts'

const latestTimestamp = '-1'
const earliestTimestamp = '-2'
const readCommitted = 1

interface Question {
  readonly topic: string
  readonly partition: number
  readonly timestamp: string
  resolve(offset: number): void
  reject(error: unknown): void
}

export class KafkaOffsets {
  private readonly cluster: KafkaCluster
  private readonly runtime: Runtime
  private readonly topics = new Set<string>()
  private readonly waitingByNode = new Map<string, Question[]>()
  private readonly busyNodes = new Set<string>()

  constructor(cluster: KafkaCluster, runtime: Runtime) {
    this.cluster = cluster
    this.runtime = runtime
  }

  async bounds(topic: string, partition: number): Promise<{ earliest: number; latest: number }> {
    const [earliest, latest] = await Promise.all([
      this.ask(topic, partition, earliestTimestamp),
      this.ask(topic, partition, latestTimestamp),
    ])
    return { earliest, latest }
  }

  /** Offset of the first record at or after the time; the end where there is none. */
  async at(topic: string, partition: number, timestampMs: number): Promise<number> {
    const offset = await this.ask(topic, partition, String(Math.max(0, timestampMs)))
    return offset >= 0 ? offset : this.ask(topic, partition, latestTimestamp)
  }

  private ask(topic: string, partition: number, timestamp: string): Promise<number> {
    return whileBrokersMove(this.runtime, this.cluster, async () => {
      if (!this.topics.has(topic)) {
        await this.cluster.addMultipleTargetTopics([topic])
        this.topics.add(topic)
      }
      const node = leaderOf(this.cluster, topic, partition)
      if (node === null) throw leaderless(topic, partition)
      return await new Promise<number>((resolve, reject) => {
        const waiting = this.waitingByNode.get(node) ?? []
        this.waitingByNode.set(node, waiting)
        waiting.push({ topic, partition, timestamp, resolve, reject })
        if (!this.busyNodes.has(node)) void this.answer(node)
      })
    })
  }

  /** Never rejects. */
  private async answer(node: string): Promise<void> {
    this.busyNodes.add(node)
    // Those who ask in this turn share the first request.
    await null
    for (;;) {
      const questions = this.waitingByNode.get(node)!
      if (questions.length === 0) break
      this.waitingByNode.set(node, [])
      const byTimestamp = Map.groupBy(questions, ({ timestamp }) => timestamp)
      await Promise.all([...byTimestamp.values()].map((alike) => this.request(node, alike)))
    }
    this.busyNodes.delete(node)
  }

  /** Answers questions about the same time. Never rejects. */
  private async request(nodeId: string, questions: readonly Question[]): Promise<void> {
    const { timestamp } = questions[0]!
    const partitionsByTopic = new Map<string, Set<number>>()
    for (const { topic, partition } of questions) {
      const partitions = partitionsByTopic.get(topic) ?? new Set<number>()
      partitionsByTopic.set(topic, partitions.add(partition))
    }
    const topics = [...partitionsByTopic].map(([topic, partitions]) => ({
      topic,
      partitions: [...partitions].map((partition) => ({ partition, timestamp })),
    }))
    try {
      const broker = await this.cluster.findBroker({ nodeId })
      const { responses } = await broker.listOffsets({ isolationLevel: readCommitted, topics })
      const offsets = new Map<string, number>()
      for (const { topic, partitions } of responses) {
        for (const { partition, offset } of partitions) offsets.set(`${topic}/${partition}`, Number(offset))
      }
      for (const { topic, partition, resolve, reject } of questions) {
        const offset = offsets.get(`${topic}/${partition}`)
        if (offset === undefined) reject(leaderless(topic, partition))
        else resolve(offset)
      }
    } catch (error) {
      for (const { reject } of questions) reject(error)
    }
  }
}
