// Mean pooling of embedding rows per slot, and its exact reverse for gradients. A batch holds, per example, the ids of slot
// 0, then of slot 1, and so on, `slotWidths[slot]` places each, absent ones marked by id 0. All sums are float32 in position
// order, so equal batches give equal bytes.

import { assert } from '../../streams/runtime/errors.ts'
import { absentIndex, type IdBatch } from './id-batch.ts'

/** `rows`: uniqueCount x dimension. `out`: batchSize x (slots x dimension), zeros where a slot has no id. */
export function poolMean(
  batch: IdBatch,
  rows: Float32Array,
  dimension: number,
  slotWidths: Uint32Array,
  batchSize: number,
  out: Float32Array,
): void {
  checkShape(batch, rows, dimension, slotWidths, batchSize, out)
  const { index } = batch
  let position = 0
  let outOffset = 0
  for (let example = 0; example < batchSize; example++) {
    for (let slot = 0; slot < slotWidths.length; slot++) {
      const end = position + slotWidths[slot]!
      let present = 0
      for (; position < end; position++) {
        const unique = index[position]!
        if (unique === absentIndex) continue
        const rowOffset = unique * dimension
        if (present === 0) {
          for (let column = 0; column < dimension; column++) out[outOffset + column] = rows[rowOffset + column]!
        } else {
          for (let column = 0; column < dimension; column++) out[outOffset + column]! += rows[rowOffset + column]!
        }
        present++
      }
      if (present === 0) out.fill(0, outOffset, outOffset + dimension)
      else if (present > 1) {
        for (let column = 0; column < dimension; column++) out[outOffset + column]! /= present
      }
      outOffset += dimension
    }
  }
}

/**
 * Gradient of `poolMean`: each present id of a slot gets its share, the slot's gradient divided by how many are present,
 * summed over the batch. `gradient`: batchSize x (slots x dimension). `out`: uniqueCount x dimension, overwritten.
 */
export function unpoolMean(
  batch: IdBatch,
  gradient: Float32Array,
  dimension: number,
  slotWidths: Uint32Array,
  batchSize: number,
  out: Float32Array,
): void {
  checkShape(batch, out, dimension, slotWidths, batchSize, gradient)
  const { index } = batch
  out.fill(0, 0, batch.uniqueCount * dimension)
  let position = 0
  let gradientOffset = 0
  for (let example = 0; example < batchSize; example++) {
    for (let slot = 0; slot < slotWidths.length; slot++) {
      const end = position + slotWidths[slot]!
      let present = 0
      for (let place = position; place < end; place++) if (index[place] !== absentIndex) present++
      for (; position < end; position++) {
        const unique = index[position]!
        if (unique === absentIndex) continue
        const outOffset = unique * dimension
        for (let column = 0; column < dimension; column++) {
          out[outOffset + column]! += Math.fround(gradient[gradientOffset + column]! / present)
        }
      }
      gradientOffset += dimension
    }
  }
}

/** Newest event time behind each unique id: `out[uniqueCount]` from one time per example. What `Table.push` asks for. */
export function newestEventTimes(
  batch: IdBatch,
  eventTimesMs: Float64Array,
  idsPerExample: number,
  batchSize: number,
  out: Float64Array,
): void {
  assert(batch.count === batchSize * idsPerExample, `batch of ${batch.count} ids, not ${batchSize} x ${idsPerExample}`)
  assert(eventTimesMs.length >= batchSize && out.length >= batch.uniqueCount, 'an array is too short')
  const { index } = batch
  out.fill(Number.NEGATIVE_INFINITY, 0, batch.uniqueCount)
  let position = 0
  for (let example = 0; example < batchSize; example++) {
    const eventTimeMs = eventTimesMs[example]!
    for (const end = position + idsPerExample; position < end; position++) {
      const unique = index[position]!
      if (unique !== absentIndex && eventTimeMs > out[unique]!) out[unique] = eventTimeMs
    }
  }
}

function checkShape(
  batch: IdBatch,
  rows: Float32Array,
  dimension: number,
  slotWidths: Uint32Array,
  batchSize: number,
  pooled: Float32Array,
): void {
  const idsPerExample = slotWidths.reduce((sum, width) => sum + width, 0)
  assert(batch.count === batchSize * idsPerExample, `batch of ${batch.count} ids, not ${batchSize} x ${idsPerExample}`)
  assert(rows.length >= batch.uniqueCount * dimension, 'fewer rows than unique ids')
  assert(pooled.length >= batchSize * slotWidths.length * dimension, 'the pooled array is too short')
}
