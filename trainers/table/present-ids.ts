// What goes into pooling and what goes with its gradients: of an example's ids only those present are gathered, slot by slot,
// with how many each slot has; a row's gradient is as new as the newest example behind it.

import { absentIndex, type IdBatch } from './id-batch.ts'

/** Slots of one side of an example; id 0 is absent. One entry per slot in each array. */
export interface PooledSlots {
  /** First of the slot's places among the side's ids. */
  readonly starts: Uint32Array
  readonly widths: Uint32Array
  /** First of the slot's columns in the side's input. */
  readonly columns: Uint32Array
}

interface SlotBlock {
  readonly start: number
  readonly width: number
  readonly column: number
}

export function pooledSlots(blocks: readonly SlotBlock[]): PooledSlots {
  return {
    starts: Uint32Array.from(blocks, ({ start }) => start),
    widths: Uint32Array.from(blocks, ({ width }) => width),
    columns: Uint32Array.from(blocks, ({ column }) => column),
  }
}

/**
 * Copies the ids present in each slot to `to` from place `at` on, and writes how many each slot has to `counts` from `cell`
 * on. Ids are pairs of 32-bit halves here and in `to`, because copying bigints may allocate them. Returns the place after the last.
 */
export function gatherPresent(
  slots: PooledSlots,
  halves: Uint32Array,
  to: Uint32Array,
  at: number,
  counts: Uint32Array,
  cell: number,
): number {
  const { starts, widths } = slots
  let place = at
  for (let slot = 0; slot < starts.length; slot++) {
    const before = place
    const start = starts[slot]!
    for (let index = start, end = start + widths[slot]!; index < end; index++) {
      const low = halves[index * 2]!
      const high = halves[index * 2 + 1]!
      if ((low | high) === 0) continue
      to[place * 2] = low
      to[place * 2 + 1] = high
      place++
    }
    counts[cell + slot] = place - before
  }
  return place
}

/** Newest event time behind each unique id: `out[uniqueCount]` from one time per example, whose ids end before
 *  `ends[example]`. What `Table.push` asks for. */
export function newestEventTimes(
  batch: IdBatch,
  ends: Uint32Array,
  eventTimesMs: Float64Array,
  batchSize: number,
  out: Float64Array,
): void {
  const { index } = batch
  out.fill(Number.NEGATIVE_INFINITY, 0, batch.uniqueCount)
  let place = 0
  for (let example = 0; example < batchSize; example++) {
    const eventTimeMs = eventTimesMs[example]!
    for (const end = ends[example]!; place < end; place++) {
      const unique = index[place]!
      if (unique !== absentIndex && eventTimeMs > out[unique]!) out[unique] = eventTimeMs
    }
  }
}
