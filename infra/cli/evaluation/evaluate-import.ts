// An imported log, predicted before it is learned: features are hydrated, joined, counted and learned by the loop's own parts,
// in event-time order.
import type { Example, FeedServed } from '../../../schemas/generated.ts'
import { exampleId } from '../../../schemas/ids.ts'
import { heads } from '../../../schemas/labels.ts'
import { encodeFloats } from '../../../schemas/layouts/floats.ts'
import { countReader } from '../../../serving/view/count-view.ts'
import { attributionPolicy, joiner } from '../../../streams/joiner/joiner.ts'
import type { Processor } from '../../../streams/processor/processor.ts'
import { dayNumber, dayStartMs } from '../../../trainers/evaluation/scored-rows.ts'
import { countsSpec } from '../../../trainers/model/shipped-specs.ts'
import { countShard } from '../../../trainers/parameter-server/count-shard.ts'
import { importWalk } from '../import/import-walk.ts'
import type { ImportedImpression } from '../import/imported-events.ts'
import type { ImportedFiles } from '../import/imported-files.ts'
import { delayedOutcomes } from './delayed-outcomes.ts'
import { FamiliarityLedger } from './familiarity.ts'
import { FrozenUsers } from './frozen-users.ts'
import { Intervals, type ModelOptions } from './intervals.ts'

export interface ImportEvaluationOptions extends ModelOptions {
  readonly files: Pick<ImportedFiles, 'users' | 'videos' | 'timeline'>
  /** Event time that is predicted before it is learned; an interval ends with its day, too. */
  readonly intervalMs: number
  /** How much later than it happened an outcome is known. */
  readonly labelsDelayedMs: number
  /** Whether each impression is predicted a second time with its user's side as of the start of the day. */
  readonly frozen: boolean
  onProgress?(impressions: number, eventTimeMs: number): void
}

/** What was walked; `rows` in it were scored. */
export interface Walked {
  /** Impressions, repeats dropped. */
  readonly impressions: number
  readonly intervals: Intervals
}

const progressEvery = 2_000
/** Two windows of a day's events at a rate no import here reaches. */
const eventIdsMax = 2_000_000
/** A day's pages must wait for outcomes that are late. */
const pagesMax = 2_000_000

/** Await denseCompute() first. */
export function evaluateImport(options: ImportEvaluationOptions): Walked {
  const { files, features, tableFactory, intervalMs, utcOffsetMs } = options
  const intervals = new Intervals(options)
  const counter = countShard({ spec: countsSpec, featureSet: features, tableFactory, syncIntervalMs: intervalMs })
  const counts = countReader(counter.shard)
  const parameters = intervals.trainer.shard
  const frozen = options.frozen ? new FrozenUsers({ features, tableFactory, counts, parameters }) : null
  const familiarity = new FamiliarityLedger()
  const walk = importWalk({
    features,
    joiner: joiner({ eventIdsMax, pagesMax }),
    counter: frozen ? keepingCounts(counter, frozen) : counter,
    counts,
    onExample: (example) => intervals.joined(example),
  })
  for (const video of files.videos) walk.video(video)
  for (const user of files.users) walk.user(user)

  const show = (shown: ImportedImpression): void => {
    const { userId, videoId, impressionTimeMs } = shown
    const startOfDay = intervals.isScored(impressionTimeMs) ? frozen : null
    intervals.shown({
      familiarity: familiarity.shown(userId, videoId, impressionTimeMs),
      frozen: startOfDay
        ? startOfDay.page(walk.hydrate(shown, startOfDay.viewOf(userId, walk.historyOf(userId))))
        : null,
      example: unlabelled(walk.impression(shown)),
    })
  }

  let intervalEndMs = Number.NEGATIVE_INFINITY
  let day = Number.NEGATIVE_INFINITY
  let impressions = 0
  for (const { event, knownMs } of delayedOutcomes(files.timeline('drop'), options.labelsDelayedMs)) {
    if (knownMs >= intervalEndMs) {
      if (impressions > 0) {
        intervals.close(intervalEndMs, frozen?.pull)
        walk.tick(intervalEndMs)
      }
      const today = dayNumber(knownMs, utcOffsetMs)
      const nextDayMs = dayStartMs(today + 1, utcOffsetMs)
      if (today > day) {
        intervals.startDay()
        if (intervals.isScored(nextDayMs - 1)) frozen?.startDay()
      }
      day = today
      intervalEndMs = Math.min(nextDayMs, (Math.floor(knownMs / intervalMs) + 1) * intervalMs)
    }
    if (event.kind === 'engagement') {
      const { userId, eventTimeMs } = event.record
      frozen?.keepHistory(userId, walk.historyOf(userId))
      familiarity.acted(userId, eventTimeMs)
      walk.engagement(event.record)
    } else {
      show(event)
      if (++impressions % progressEvery === 0) options.onProgress?.(impressions, knownMs)
    }
  }
  intervals.close(intervalEndMs, frozen?.pull)
  return { impressions, intervals }
}

/** The counter, with the rows of an example's user kept before it counts. */
function keepingCounts(counter: Processor, frozen: FrozenUsers): Processor {
  return {
    name: counter.name,
    step(input, output) {
      const { record } = input
      if (record.type === 'Example' || record.type === 'LabelCorrection') frozen.keepCounts(record)
      return counter.step(input, output)
    },
    dump: () => counter.dump(),
    load: (dump) => counter.load(dump),
  }
}

/** The impression as a record that can be predicted: every label is unknown yet. */
export function unlabelled(served: FeedServed): Example {
  const entry = served.entries[0]!
  return {
    type: 'Example',
    exampleId: exampleId(served.requestId, entry.position, attributionPolicy),
    requestId: served.requestId,
    position: entry.position,
    userId: served.userId,
    videoId: entry.videoId,
    creatorId: entry.creatorId,
    impressionTimeMs: served.eventTimeMs,
    eventTimeMs: served.eventTimeMs,
    receivedTimeMs: served.receivedTimeMs,
    featureSet: served.featureSet,
    queryFeatures: served.queryFeatures,
    features: entry.features,
    similarity: entry.similarity,
    headNames: heads,
    labels: encodeFloats(new Float32Array(heads.length).fill(Number.NaN)),
    predictions: null,
    weight: 1,
    propensity: entry.propensity,
    source: entry.source,
    surface: served.surface,
    region: served.region,
    imported: true,
  }
}
