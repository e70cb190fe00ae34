// What the owner of a bucket counts in one life: for metrics and alarms, not a part of its state.
import type { PushResult } from '../table/table.ts'

export interface ShardCounts {
  /** Gradients applied. */
  applied: number
  /** Ranges that were folded before. */
  repeats: number
  /** Ranges refused because one before them is missing. */
  gaps: number
  /** Gradients refused because they do not fit the model or the bucket. */
  misfits: number
  /** Inputs that a rollback undoes. */
  skipped: number
  rowsUpdated: number
  rowsNonFinite: number
  rowsBadTime: number
  rowsNoMemory: number
  rowsUnadmitted: number
  rowsEvicted: number
  rowsExpired: number
  /** Dense gradients refused because they were not finite. */
  denseNonFinite: number
}

export function newShardCounts(): ShardCounts {
  return {
    applied: 0,
    repeats: 0,
    gaps: 0,
    misfits: 0,
    skipped: 0,
    rowsUpdated: 0,
    rowsNonFinite: 0,
    rowsBadTime: 0,
    rowsNoMemory: 0,
    rowsUnadmitted: 0,
    rowsEvicted: 0,
    rowsExpired: 0,
    denseNonFinite: 0,
  }
}

export function countPush(counts: ShardCounts, result: PushResult): void {
  counts.rowsUpdated += result.updated
  counts.rowsNonFinite += result.nonFinite
  counts.rowsBadTime += result.badTime
  counts.rowsNoMemory += result.noMemory
  counts.rowsUnadmitted += result.unadmitted
  counts.rowsEvicted += result.evicted
}
