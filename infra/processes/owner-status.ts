// What the owner of parameters says of each bucket when it is asked from elsewhere.
import type { Hold } from '../../trainers/parameter-server/publication-guard.ts'

/** Remote method that gives a BucketStatus of each bucket owned, as JSON. */
export const shardStatusMethod = 'shard.status'

export interface BucketStatus {
  readonly model: string
  readonly bucket: number
  /** Of the newest delta. */
  readonly version: number
  /** Rollbacks behind the state. */
  readonly lineage: number
  /** Why nothing is published; null: all is well. */
  readonly held: Hold | null
  readonly rows: number
  /** Next input offset. */
  readonly next: number
}
