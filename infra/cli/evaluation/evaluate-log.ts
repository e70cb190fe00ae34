// The examples of a log as they were joined, with the features that were served: each batch that a Tick closes is predicted,
// then learned.
import { decode } from '../../../schemas/codec.ts'
import { examples } from '../../../schemas/topics.ts'
import { type Log, partitionOf } from '../../../streams/log/log.ts'
import { dayNumber } from '../../../trainers/evaluation/scored-rows.ts'
import { type Position, resolvePosition } from '../position.ts'
import type { Walked } from './evaluate-import.ts'
import { FamiliarityLedger } from './familiarity.ts'
import { Intervals, type ModelOptions } from './intervals.ts'

export interface LogEvaluationOptions extends ModelOptions {
  readonly log: Log
  readonly from: Position
  readonly to: Position
  onProgress?(examples: number, eventTimeMs: number): void
}

const progressEvery = 2_000

/** Features were frozen when they were served, so nothing is predicted with the user's side of another time. */
export async function evaluateLog(options: LogEvaluationOptions): Promise<Walked> {
  const place = { topic: examples, partition: partitionOf(0) }
  const from = await resolvePosition(options.log, place, options.from)
  const to = await resolvePosition(options.log, place, options.to)
  const reader = await options.log.openReader({ ...place, from })
  const intervals = new Intervals(options)
  const familiarity = new FamiliarityLedger()
  let impressions = 0
  let day = Number.NEGATIVE_INFINITY
  let newestMs = 0
  while (reader.position < to) {
    for (const { offset, value } of await reader.next({ recordsMax: 1_000, waitMsMax: 1_000 })) {
      const record = value === null || offset >= to ? null : decode(value)
      if (record?.type === 'Tick') {
        intervals.close(record.eventTimeMs)
        const today = dayNumber(record.eventTimeMs, options.utcOffsetMs)
        if (today > day) intervals.startDay()
        day = Math.max(day, today)
      } else if (record?.type === 'Example' || record?.type === 'LabelCorrection') {
        newestMs = Math.max(newestMs, record.eventTimeMs)
        if (record.type === 'Example') {
          const { userId, videoId, impressionTimeMs } = record
          const known = familiarity.shown(userId, videoId, impressionTimeMs)
          intervals.shown({ example: record, familiarity: known, frozen: null })
          if (++impressions % progressEvery === 0) options.onProgress?.(impressions, record.eventTimeMs)
        }
        intervals.joined(record)
      }
    }
  }
  await reader.close()
  intervals.close(newestMs)
  return { impressions, intervals }
}
