// What one user asked to see less of: topics and creators, fading with time.
import { BoundedMap } from './bounded-map.ts'

interface Refusal {
  readonly weight: number
  readonly asOfMs: number
}

export class LessOf {
  private readonly refusalByName: BoundedMap<string, Refusal>

  constructor(namesMax: number) {
    this.refusalByName = new BoundedMap(namesMax)
  }

  get isEmpty(): boolean {
    return this.refusalByName.size === 0
  }

  refuse(creatorId: string, topics: readonly string[], asOfMs: number): void {
    for (const name of namesOf(creatorId, topics)) this.refusalByName.set(name, { weight: 1, asOfMs })
  }

  withdraw(creatorId: string, topics: readonly string[]): void {
    for (const name of namesOf(creatorId, topics)) this.refusalByName.delete(name)
  }

  /** From 0 to 1: the creator's refusal counts whole, topics by the share of the video that they are. */
  weightOf(creatorId: string, topics: readonly string[], nowMs: number, halfLifeMs: number): number {
    const creator = this.weightOfName(creatorName(creatorId), nowMs, halfLifeMs)
    let sum = 0
    for (const topic of topics) sum += this.weightOfName(topicName(topic), nowMs, halfLifeMs)
    return Math.max(creator, topics.length > 0 ? sum / topics.length : 0)
  }

  clear(): void {
    this.refusalByName.clear()
  }

  private weightOfName(name: string, nowMs: number, halfLifeMs: number): number {
    const refusal = this.refusalByName.get(name)
    if (refusal === undefined) return 0
    return refusal.weight * 2 ** (-Math.max(0, nowMs - refusal.asOfMs) / halfLifeMs)
  }
}

const creatorName = (creatorId: string): string => `@${creatorId}`
const topicName = (topic: string): string => `#${topic}`

function namesOf(creatorId: string, topics: readonly string[]): string[] {
  return [creatorName(creatorId), ...topics.map(topicName)]
}
