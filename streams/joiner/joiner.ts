// Joins what was served with what happened: one Example per engaged entry, at most once, from the features that were
// frozen when it was served; later changes of its labels are LabelCorrections. Everything is a function of the records.

import type { AnyRecord, Example, FeedServed, InteractionsRecord, LabelCorrection } from '../../schemas/generated.ts'
import { exampleId, uniformOf } from '../../schemas/ids.ts'
import { heads, unknownLabel } from '../../schemas/labels.ts'
import { encodeFloats } from '../../schemas/layouts/floats.ts'
import { eventLatenessMsMax, examples } from '../../schemas/topics.ts'
import type { Processor, Recorded, StepOutput } from '../processor/processor.ts'
import { StateReader, StateWriter } from '../processor/state-bytes.ts'
import { assert } from '../runtime/errors.ts'
import {
  anyOn,
  entryLabels,
  isNegative,
  type Mark,
  sameLabels,
  standingView,
  viewEnd,
  viewWeight,
  withMark,
} from './entry-labels.ts'
import { EventIdWindow } from './event-id-window.ts'
import { type JoinerClocks, PageStore } from './page-store.ts'
import { bytesOf, type EntryOutcome, entryOf, type PageEntry, type ServedPage, servedPage } from './served-page.ts'

/** Which impression an engagement counts for; part of every exampleId. */
export const attributionPolicy = 'last-served'

export interface JoinerOptions {
  /** How long an engagement waits for the view to end, in record time. */
  readonly windowMs?: number
  /** Pages held; the oldest go first. */
  readonly pagesMax?: number
  /** Event ids remembered. */
  readonly eventIdsMax?: number
  /** Share of negatives (`isNegative`) that become examples; the kept weigh 1 / share. 1 keeps all. */
  readonly negativeShare?: number
}

/** What the joiner did with records, since the partition began. Part of its state. */
export interface JoinerCounters {
  pages: number
  examples: number
  corrections: number
  /** Records whose eventId, or page whose requestId, was known. */
  duplicates: number
  /** Engagements with no page held that showed the video. */
  unattributed: number
  /** Engagements more than 24 hours after serving. */
  late: number
  /** Engagements with entries served without frozen features. */
  unscored: number
  /** Left out by negativeShare; those of which something came later are among the examples, too. */
  sampledOut: number
  /** Pages dropped before their 24 hours because of pagesMax. */
  evicted: number
}

export interface Joiner extends Processor {
  counters(): Readonly<JoinerCounters>
  /** Pages held now. */
  pagesHeld(): number
}

type Engagement = Exclude<InteractionsRecord, { type: 'FeedServed' | 'InterestsReset' | 'Tick' }>

interface LabelChange {
  readonly before: Float32Array
  readonly after: Float32Array
  readonly weight: number
}

const unknownLabels = new Float32Array(heads.length).fill(unknownLabel)
const stateVersion = 1
const headNames: readonly string[] = heads

/** Input `interactions`, output `examples` under the same partition number and key; Ticks are forwarded. */
export function joiner(options: JoinerOptions = {}): Joiner {
  return new LastServedJoiner(options)
}

class LastServedJoiner implements Joiner {
  readonly name = 'joiner'
  private readonly windowMs: number
  private readonly pagesMax: number
  private readonly eventIdsMax: number
  private readonly negativeShare: number
  private clocks: JoinerClocks = { receivedMs: Number.NEGATIVE_INFINITY, importMs: Number.NEGATIVE_INFINITY }
  private counts: JoinerCounters = noCounts()
  private sequence = 0
  private store = new PageStore()
  private eventIds: EventIdWindow

  constructor(options: JoinerOptions) {
    this.windowMs = options.windowMs ?? 10 * 60_000
    this.pagesMax = options.pagesMax ?? 20_000
    this.eventIdsMax = options.eventIdsMax ?? 1_000_000
    this.negativeShare = options.negativeShare ?? 1
    assert(this.windowMs >= 0 && this.windowMs <= eventLatenessMsMax, 'windowMs is between 0 and 24 hours')
    assert(this.negativeShare > 0 && this.negativeShare <= 1, 'negativeShare is above 0 and at most 1')
    this.eventIds = new EventIdWindow(eventLatenessMsMax, this.eventIdsMax)
  }

  counters(): Readonly<JoinerCounters> {
    return this.counts
  }

  pagesHeld(): number {
    return this.store.size
  }

  step(input: Recorded, output: StepOutput): void {
    const record = input.record as InteractionsRecord
    const out = new JoinerOutput(output, input, record.receivedTimeMs)
    this.clocks.receivedMs = Math.max(this.clocks.receivedMs, record.receivedTimeMs)
    this.passTime(out)
    if (record.type === 'Tick') {
      out.emit(null, record)
      return
    }
    if (!this.eventIds.add(record.eventId, this.clocks.receivedMs)) {
      this.counts.duplicates++
      return
    }
    if (record.type === 'FeedServed') this.register(record, out)
    else if (record.type !== 'InterestsReset') this.engage(record, out)
  }

  private register(served: FeedServed, out: JoinerOutput): void {
    if (this.store.byRequest(served.requestId)) {
      this.counts.duplicates++
      return
    }
    if (served.imported) this.passImportTime(served.eventTimeMs, out)
    this.store.add(
      servedPage(served, {
        registeredMs: this.clocks.receivedMs,
        registeredImportMs: served.imported ? this.clocks.importMs : Number.NEGATIVE_INFINITY,
        sequence: this.sequence++,
      }),
    )
    this.counts.pages++
    while (this.store.size > this.pagesMax) {
      this.counts.evicted++
      this.finish(this.store.takeOldest()!, out)
    }
  }

  private engage(event: Engagement, out: JoinerOutput): void {
    const entry = this.entryFor(event)
    if (entry === null) {
      // A follow from a profile page belongs to no impression.
      if (event.videoId !== null || event.requestId !== null) this.counts.unattributed++
      return
    }
    const { page } = entry
    if (event.eventTimeMs > page.eventTimeMs + eventLatenessMsMax) {
      this.counts.late++
      return
    }
    if (page.imported) this.passImportTime(event.eventTimeMs, out)
    if (page.featureSet === '') {
      this.counts.unscored++
      return
    }
    entry.outcome ??= { view: null, marks: [], window: null, sent: null, weight: 1 }
    const { outcome } = entry
    if (event.type === 'VideoWatched' || event.type === 'VideoSkipped') {
      const replays = event.type === 'VideoWatched' ? event.replays : 0
      outcome.view = standingView(outcome.view, viewEnd({ ...viewTimes(event), replays }, event.givenLabels))
    } else outcome.marks = withMark(outcome.marks, markOf(event))
    if (outcome.sent) this.correct(entry, outcome, event.eventTimeMs, out)
    else if (outcome.view) this.emitExample(entry, outcome, event.eventTimeMs, out)
    else if (outcome.window === null && anyOn(outcome.marks)) this.openWindow(entry, outcome, event.eventTimeMs)
  }

  private entryFor(event: Engagement): PageEntry | null {
    if (event.requestId !== null) {
      const page = this.store.byRequest(event.requestId)
      return page?.userId === event.userId ? entryOf(page, event.position, event.videoId) : null
    }
    return event.videoId === null ? null : this.store.lastServed(event.userId, event.videoId, event.eventTimeMs)
  }

  private openWindow(entry: PageEntry, outcome: EntryOutcome, eventTimeMs: number): void {
    const openedImportMs = entry.page.imported ? this.clocks.importMs : Number.NEGATIVE_INFINITY
    outcome.window = { openedMs: this.clocks.receivedMs, openedImportMs, eventTimeMs }
    this.store.openWindow(entry, outcome.window)
  }

  private passImportTime(eventTimeMs: number, out: JoinerOutput): void {
    if (eventTimeMs <= this.clocks.importMs) return
    this.clocks.importMs = eventTimeMs
    this.passTime(out)
  }

  /** Closes the windows that are due, then drops the pages that are past their time. */
  private passTime(out: JoinerOutput): void {
    for (const entry of this.store.takeClosed(this.clocks, this.windowMs)) this.close(entry, out)
    for (let page = this.store.takeExpired(this.clocks); page; page = this.store.takeExpired(this.clocks)) {
      this.finish(page, out)
    }
  }

  /** A page goes: what it still waits for is settled now. */
  private finish(page: ServedPage, out: JoinerOutput): void {
    for (const entry of page.entries) if (entry.outcome?.window) this.close(entry, out)
  }

  private close(entry: PageEntry, out: JoinerOutput): void {
    const outcome = entry.outcome!
    const { eventTimeMs } = outcome.window!
    outcome.window = null
    // All was taken back meanwhile: as if it had never been engaged.
    if (anyOn(outcome.marks)) this.emitExample(entry, outcome, eventTimeMs + this.windowMs, out)
  }

  private emitExample(entry: PageEntry, outcome: EntryOutcome, eventTimeMs: number, out: JoinerOutput): void {
    const labels = entryLabels(outcome.view, outcome.marks)
    const id = exampleId(entry.page.requestId, entry.position, attributionPolicy)
    outcome.window = null
    outcome.sent = labels
    outcome.weight = viewWeight(outcome.view) * this.samplingWeight(id, labels, outcome)
    if (outcome.weight === 0) this.counts.sampledOut++
    else this.sendExample(entry, outcome, id, eventTimeMs, out)
  }

  private sendExample(
    entry: PageEntry,
    outcome: EntryOutcome,
    id: string,
    eventTimeMs: number,
    out: JoinerOutput,
  ): void {
    this.counts.examples++
    const { page, predictions } = entry
    const example: Example = {
      ...frozenPart(entry, id, eventTimeMs, out.receivedTimeMs),
      type: 'Example',
      labels: encodeFloats(outcome.sent!),
      predictions: predictions ? bytesOf(page, predictions) : null,
      weight: outcome.weight,
      propensity: entry.propensity,
      source: entry.source,
    }
    out.emit(page.userId, example)
  }

  /** 0: not kept. A negative is kept by the hash of its exampleId, so every replay keeps the same ones. */
  private samplingWeight(id: string, labels: Float32Array, { view, marks }: EntryOutcome): number {
    if (this.negativeShare === 1 || !isNegative(view, marks, labels)) return 1
    return uniformOf(id, 'negative-sampling') < this.negativeShare ? 1 / this.negativeShare : 0
  }

  private correct(entry: PageEntry, outcome: EntryOutcome, eventTimeMs: number, out: JoinerOutput): void {
    const before = outcome.sent!
    const after = entryLabels(outcome.view, outcome.marks)
    if (sameLabels(before, after)) return
    outcome.sent = after
    const { weight } = outcome
    const id = exampleId(entry.page.requestId, entry.position, attributionPolicy)
    const send = (change: LabelChange): void => {
      this.counts.corrections++
      const frozen = frozenPart(entry, id, eventTimeMs, out.receivedTimeMs)
      const { before, after, weight } = change
      const labels = { before: encodeFloats(before), after: encodeFloats(after), weight }
      out.emit(entry.page.userId, { ...frozen, type: 'LabelCorrection', ...labels } satisfies LabelCorrection)
    }
    const isSampled = weight === 0 || weight > 1
    if (!isSampled || isNegative(outcome.view, outcome.marks, after)) {
      if (weight > 0) send({ before, after, weight })
      return
    }
    // Something came of it: it stands for itself from now on, as every such entry does, and for ever.
    outcome.weight = 1
    if (weight === 0) this.sendExample(entry, outcome, id, eventTimeMs, out)
    else {
      send({ before, after: unknownLabels, weight })
      send({ before: unknownLabels, after, weight: 1 })
    }
  }

  dump(): Uint8Array {
    const out = new StateWriter(this.store.size * 6_000 + this.eventIds.size * 8 + 4_096)
    out.u8(stateVersion)
    out.f64(this.clocks.receivedMs)
    out.f64(this.clocks.importMs)
    out.f64(this.sequence)
    for (const name of counterNames) out.f64(this.counts[name])
    this.eventIds.write(out)
    this.store.write(out)
    return out.finish()
  }

  load(dump: Uint8Array): void {
    const source = new StateReader(dump)
    const version = source.u8()
    if (version !== stateVersion) throw new RangeError(`joiner state of version ${version}, expected ${stateVersion}`)
    this.clocks = { receivedMs: source.f64(), importMs: source.f64() }
    this.sequence = source.f64()
    for (const name of counterNames) this.counts[name] = source.f64()
    this.eventIds = new EventIdWindow(eventLatenessMsMax, this.eventIdsMax)
    this.eventIds.read(source)
    this.store = new PageStore()
    this.store.read(source)
  }
}

/** Where the outputs of one input record go. */
class JoinerOutput {
  readonly receivedTimeMs: number
  private readonly output: StepOutput
  private readonly input: Recorded

  constructor(output: StepOutput, input: Recorded, receivedTimeMs: number) {
    this.output = output
    this.input = input
    this.receivedTimeMs = receivedTimeMs
  }

  emit(key: string | null, record: AnyRecord): void {
    this.output.emit(examples, key, record, this.input.partition)
  }
}

function frozenPart(entry: PageEntry, id: string, eventTimeMs: number, receivedTimeMs: number) {
  const { page } = entry
  return {
    exampleId: id,
    requestId: page.requestId,
    position: entry.position,
    userId: page.userId,
    videoId: entry.videoId,
    creatorId: entry.creatorId,
    impressionTimeMs: page.eventTimeMs,
    eventTimeMs,
    receivedTimeMs,
    featureSet: page.featureSet,
    queryFeatures: bytesOf(page, page.queryFeatures),
    features: bytesOf(page, entry.features),
    similarity: entry.similarity,
    headNames,
    surface: page.surface,
    region: page.region,
    imported: page.imported,
  }
}

function viewTimes(event: { watchTimeMs: number; durationMs: number }): { watchTimeMs: number; durationMs: number } {
  return { watchTimeMs: event.watchTimeMs, durationMs: event.durationMs }
}

function markOf(event: Exclude<Engagement, { type: 'VideoWatched' | 'VideoSkipped' }>): Mark {
  const key = event.type === 'VideoCommented' ? event.commentId : ''
  return { kind: kindByType[event.type], key, eventTimeMs: event.eventTimeMs, on: !event.withdrawn }
}

const kindByType = {
  VideoLiked: 'like',
  VideoShared: 'share',
  VideoSaved: 'save',
  VideoCommented: 'comment',
  CreatorFollowed: 'follow',
  NotInterested: 'notInterested',
  VideoReported: 'report',
} as const

function noCounts(): JoinerCounters {
  return {
    pages: 0,
    examples: 0,
    corrections: 0,
    duplicates: 0,
    unattributed: 0,
    late: 0,
    unscored: 0,
    sampledOut: 0,
    evicted: 0,
  }
}

const counterNames = Object.keys(noCounts()) as (keyof JoinerCounters)[]
