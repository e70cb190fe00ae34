// A page as the joiner keeps it: what never changes is encoded once, when the page is registered, so that a dump copies
// bytes; frozen features stay the bytes that were served.
import type { FeedServed } from '../../schemas/generated.ts'
import { type Head, headIndex, heads } from '../../schemas/labels.ts'
import { ByteSlabs } from '../../schemas/layouts/byte-slabs.ts'
import { encodeFloats } from '../../schemas/layouts/floats.ts'
import { StateReader, StateWriter } from '../processor/state-bytes.ts'
import { type EngagementKind, engagementKinds, type Mark, type ViewEnd } from './entry-labels.ts'

/** An engagement without a view end waits for one until the window closes. */
export interface EngagementWindow {
  /** Received clock when it opened. */
  readonly openedMs: number
  /** Import clock when it opened; -Infinity on live pages. */
  readonly openedImportMs: number
  /** Event time of the engagement that opened it. */
  readonly eventTimeMs: number
}

/** What happened with an entry; made when the first engagement comes. */
export interface EntryOutcome {
  view: ViewEnd | null
  marks: readonly Mark[]
  window: EngagementWindow | null
  /** Labels as last emitted; null before the example. */
  sent: Float32Array | null
  /** Weight of the example, kept by its corrections; 0: sampled out, as its corrections are. */
  weight: number
}

export interface PageEntry {
  readonly page: ServedPage
  readonly videoId: string
  readonly creatorId: string
  readonly position: number
  readonly source: string
  readonly propensity: number
  readonly features: ByteRange
  /** The retrieval similarity that was scored; null: not scored. */
  readonly similarity: number | null
  /** float32 per head of `heads`; null: not scored. */
  readonly predictions: ByteRange | null
  outcome: EntryOutcome | null
}

/** Part of the page's fixed bytes. */
export interface ByteRange {
  readonly start: number
  readonly end: number
}

export interface ServedPage {
  readonly requestId: string
  readonly userId: string
  readonly eventTimeMs: number
  readonly surface: string
  readonly region: string
  /** Empty: no features were frozen, entries give no example. */
  readonly featureSet: string
  readonly imported: boolean
  /** Received clock when it was registered. */
  readonly registeredMs: number
  /** Import clock when it was registered; -Infinity on live pages. */
  readonly registeredImportMs: number
  /** Number of the page among all the joiner saw: age order across live and imported ones. */
  readonly sequence: number
  readonly queryFeatures: ByteRange
  readonly entries: readonly PageEntry[]
  readonly fixed: Uint8Array
}

export interface Registration {
  readonly registeredMs: number
  readonly registeredImportMs: number
  readonly sequence: number
}

/** Registers a page: copies what is needed, keeps no memory of `served`. Equal to what `readPage` gives of its bytes. */
export function servedPage(served: FeedServed, registration: Registration): ServedPage {
  const { requestId, userId, eventTimeMs, surface, region, featureSet, imported } = served
  const { registeredMs, registeredImportMs, sequence } = registration
  const out = scratch
  out.restart()
  out.text(requestId)
  out.text(userId)
  out.f64(eventTimeMs)
  out.text(surface)
  out.text(region)
  out.text(featureSet)
  out.u8(Number(imported))
  out.f64(registeredMs)
  out.f64(registeredImportMs)
  out.f64(sequence)
  const frozen = featureSet !== ''
  const queryFeatures = writeRange(out, frozen ? served.queryFeatures : noBytes)
  out.u32(served.entries.length)
  const headOrder = served.headNames.map((name) => headIndex[name as Head] ?? -1)
  const entries: PageEntry[] = []
  const page = {
    requestId,
    userId,
    eventTimeMs,
    surface,
    region,
    featureSet,
    imported,
    registeredMs,
    registeredImportMs,
    sequence,
    queryFeatures,
    entries,
    fixed: noBytes,
  }
  for (const {
    videoId,
    creatorId,
    position,
    source,
    propensity,
    features,
    similarity,
    predictions,
  } of served.entries) {
    out.text(videoId)
    out.text(creatorId)
    out.f64(position)
    out.text(source)
    out.f32(propensity)
    const range = writeRange(out, frozen ? features : noBytes)
    out.f32(similarity ?? Number.NaN)
    const scored = frozen && predictions.length > 0
    const scores = writeRange(out, scored ? encodeFloats(inHeadOrder(predictions, headOrder)) : noBytes)
    entries.push({
      page,
      videoId,
      creatorId,
      position,
      source,
      propensity: Math.fround(propensity),
      features: range,
      similarity: numberOrNull(Math.fround(similarity ?? Number.NaN)),
      predictions: nonEmpty(scores),
      outcome: null,
    })
  }
  page.fixed = slabs.copy(out.finish())
  return page
}

/** A page is written here first, because its length is not known before. */
const scratch = new StateWriter(64 * 1_024)
const slabs = new ByteSlabs(1 << 20)

function writeRange(out: StateWriter, bytes: Uint8Array): ByteRange {
  out.bytes(bytes)
  return { start: out.position - bytes.byteLength, end: out.position }
}

const noBytes: Uint8Array = new Uint8Array(0)

function inHeadOrder(predictions: readonly number[], headOrder: readonly number[]): Float32Array {
  const out = new Float32Array(heads.length).fill(Number.NaN)
  for (let index = 0; index < headOrder.length; index++) {
    const head = headOrder[index]!
    if (head >= 0 && index < predictions.length) out[head] = predictions[index]!
  }
  return out
}

/** Reads a page from its fixed bytes and keeps them. */
export function readPage(fixed: Uint8Array): ServedPage {
  const source = new StateReader(fixed)
  const entries: PageEntry[] = []
  const page: ServedPage = {
    requestId: source.text(),
    userId: source.text(),
    eventTimeMs: source.f64(),
    surface: source.text(),
    region: source.text(),
    featureSet: source.text(),
    imported: source.u8() === 1,
    registeredMs: source.f64(),
    registeredImportMs: source.f64(),
    sequence: source.f64(),
    queryFeatures: rangeOf(source),
    entries,
    fixed,
  }
  const count = source.u32()
  for (let index = 0; index < count; index++) {
    entries.push({
      page,
      videoId: source.text(),
      creatorId: source.text(),
      position: source.f64(),
      source: source.text(),
      propensity: source.f32(),
      features: rangeOf(source),
      similarity: numberOrNull(source.f32()),
      predictions: nonEmpty(rangeOf(source)),
      outcome: null,
    })
  }
  return page
}

function rangeOf(source: StateReader): ByteRange {
  const length = source.bytes().byteLength
  return { start: source.position - length, end: source.position }
}

function numberOrNull(value: number): number | null {
  return Number.isNaN(value) ? null : value
}

function nonEmpty(range: ByteRange): ByteRange | null {
  return range.end > range.start ? range : null
}

export function bytesOf(page: ServedPage, range: ByteRange): Uint8Array {
  return page.fixed.subarray(range.start, range.end)
}

/** The entry at `position`, provided that it shows `videoId` where one is said; else the first entry that shows it. */
export function entryOf(page: ServedPage, position: number | null, videoId: string | null): PageEntry | null {
  const placed = position === null ? undefined : page.entries.find((entry) => entry.position === position)
  if (placed && (videoId === null || placed.videoId === videoId)) return placed
  if (videoId === null) return null
  return page.entries.find((entry) => entry.videoId === videoId) ?? null
}

export function writeOutcome(outcome: EntryOutcome, out: StateWriter): void {
  const { view, marks, window, sent } = outcome
  out.u8((view ? 1 : 0) | (window ? 2 : 0) | (sent ? 4 : 0))
  if (view) {
    out.f64(view.watchTimeMs)
    out.f64(view.durationMs)
    out.f64(view.replays)
    out.u16(view.givenMask)
    out.u16(view.givenValues)
  }
  out.u8(marks.length)
  for (const mark of marks) {
    out.u8(engagementKinds.indexOf(mark.kind))
    out.text(mark.key)
    out.f64(mark.eventTimeMs)
    out.u8(Number(mark.on))
  }
  if (window) {
    out.f64(window.openedMs)
    out.f64(window.openedImportMs)
    out.f64(window.eventTimeMs)
  }
  if (sent) out.floats(sent)
  out.f64(outcome.weight)
}

export function readOutcome(source: StateReader): EntryOutcome {
  const flags = source.u8()
  const view = flags & 1 ? readView(source) : null
  const marks: Mark[] = []
  for (let count = source.u8(); count > 0; count--) {
    const kind = engagementKinds[source.u8()] as EngagementKind
    marks.push({ kind, key: source.text(), eventTimeMs: source.f64(), on: source.u8() === 1 })
  }
  const window = flags & 2 ? { openedMs: source.f64(), openedImportMs: source.f64(), eventTimeMs: source.f64() } : null
  const sent = flags & 4 ? source.floats() : null
  return { view, marks, window, sent, weight: source.f64() }
}

function readView(source: StateReader): ViewEnd {
  return {
    watchTimeMs: source.f64(),
    durationMs: source.f64(),
    replays: source.f64(),
    givenMask: source.u16(),
    givenValues: source.u16(),
  }
}
