// What a runner did in this life, and where it stands.
import { type Offset, offsetOf, type Partition } from '../log/log.ts'
import type { CheckpointOwner } from './checkpoint.ts'

export interface RunnerProgress {
  readonly processor: string
  readonly group: string
  readonly topic: string
  readonly partition: Partition
  /** Next input offset to fold. */
  next: Offset
  /** Next input offset of the newest checkpoint; -1 before the first. */
  checkpointed: Offset
  /** Log time of the newest record folded; 0 before the first. */
  newestTimestampMs: number
  records: number
  outputs: number
  /** Outputs that the log held already. */
  suppressed: number
  /** Records dropped because a restarted producer had repeated them. */
  repeats: number
  deadLetters: number
  checkpoints: number
  /** Checkpoints that found no space. */
  checkpointFailures: number
  /** Checkpoints that were damaged or did not fit when the runner began. */
  checkpointsRefused: number
  retries: number
  /** Records that retention removed before they were read. */
  skipped: number
}

export function noProgress(owner: CheckpointOwner): RunnerProgress {
  return {
    ...owner,
    next: offsetOf(0),
    checkpointed: offsetOf(-1),
    newestTimestampMs: 0,
    records: 0,
    outputs: 0,
    suppressed: 0,
    repeats: 0,
    deadLetters: 0,
    checkpoints: 0,
    checkpointFailures: 0,
    checkpointsRefused: 0,
    retries: 0,
    skipped: 0,
  }
}
