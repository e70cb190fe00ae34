// The topics of the log: names, keys, how long each is kept. Folders meet only here.

export interface TopicSpec {
  readonly name: string
  readonly partitions: number
  /** Records older than this (by append time) may go; null: kept for ever. */
  readonly retentionMs: number | null
  /** True: only the newest record of a key must stay; a null value deletes the key. */
  readonly compacted: boolean
  /** An eventId seen within this time takes effect once; null: records carry no event id. */
  readonly idempotenceMs: number | null
}

const hour = 3_600_000
const day = 24 * hour

/** How far back an event may lie, how late an engagement may still correct, how long an event id is remembered. */
export const eventLatenessMsMax = day
export const eventEarlinessMsMax = 5 * 60_000

export const interactions = 'interactions'
export const engagements = 'engagements'
export const videos = 'videos'
export const users = 'users'
export const policies = 'policies'
export const examples = 'examples'
export const gradientsOf = (model: string): string => `gradients.${model}`
export const deltasOf = (model: string): string => `deltas.${model}`
export const vectorsOf = (model: string): string => `vectors.${model}`
export const snapshotsOf = (model: string): string => `snapshots.${model}`
export const deadLetterOf = (topic: string): string => `${topic}.dead-letter`

/** Model name under which running counts travel: rows like any other, with the optimizers `sum` and `decayed-sum`. */
export const countsModel = 'counts'

/** Topics whose partition numbers follow the user. */
export function userTopics(partitions: number): TopicSpec[] {
  return [
    { name: interactions, partitions, retentionMs: 14 * day, compacted: false, idempotenceMs: day },
    { name: engagements, partitions, retentionMs: null, compacted: false, idempotenceMs: null },
    { name: users, partitions, retentionMs: null, compacted: false, idempotenceMs: day },
    { name: examples, partitions, retentionMs: 14 * day, compacted: false, idempotenceMs: null },
  ]
}

/** Topics every shard reads whole. */
export function sharedTopics(): TopicSpec[] {
  return [
    { name: videos, partitions: 1, retentionMs: null, compacted: false, idempotenceMs: day },
    { name: policies, partitions: 1, retentionMs: null, compacted: false, idempotenceMs: day },
  ]
}

/** Topics of one model; buckets are partitions. */
export function modelTopics(model: string, buckets: number): TopicSpec[] {
  return [
    { name: gradientsOf(model), partitions: buckets, retentionMs: 6 * hour, compacted: false, idempotenceMs: null },
    { name: deltasOf(model), partitions: buckets, retentionMs: 6 * hour, compacted: false, idempotenceMs: null },
    { name: vectorsOf(model), partitions: 1, retentionMs: null, compacted: true, idempotenceMs: null },
    { name: snapshotsOf(model), partitions: buckets, retentionMs: null, compacted: true, idempotenceMs: null },
  ]
}

export function deadLetterTopic(topic: TopicSpec): TopicSpec {
  return { ...topic, name: deadLetterOf(topic.name), retentionMs: 14 * day, compacted: false, idempotenceMs: null }
}
