// Labels of one shown entry, a function of its view and of the engagements that hold, not of the order they came in.
import {
  type Head,
  headIndex,
  heads,
  unknownLabel,
  untoldKey,
  type ViewOutcome,
  viewLabels,
} from '../../schemas/labels.ts'

/** What a user can do with an entry beside viewing it; `save` has no head, but it makes an entry engaged. */
export const engagementKinds = ['like', 'share', 'save', 'comment', 'follow', 'notInterested', 'report'] as const
export type EngagementKind = (typeof engagementKinds)[number]

/** Head that an engagement sets, by kind; null: none. */
const headByKind: Readonly<Record<EngagementKind, Head | null>> = {
  like: 'like',
  share: 'share',
  save: null,
  comment: 'comment',
  follow: 'follow',
  notInterested: 'notInterested',
  report: 'notInterested',
}

/** One engagement and whether it holds; comments are told apart by `key`. */
export interface Mark {
  readonly kind: EngagementKind
  readonly key: string
  readonly eventTimeMs: number
  readonly on: boolean
}

export interface ViewEnd extends ViewOutcome {
  /** Bit h: a label of heads[h] was given with the view. */
  readonly givenMask: number
  /** Bit h: the value given. Without its bit in the mask: the log tells nothing of heads[h]. */
  readonly givenValues: number
}

/** Marks of one entry are bounded: past this, further comments change nothing. */
export const marksMax = 32

export function viewEnd(view: ViewOutcome, givenLabels: Readonly<Record<string, boolean>>): ViewEnd {
  let givenMask = 0
  let givenValues = 0
  for (const name in givenLabels) {
    const untold = headByUntoldKey.get(name)
    if (untold !== undefined && givenLabels[name]) givenValues |= 1 << untold
    const head = headIndex[name as Head]
    // watchTime is no yes or no: a given one says nothing.
    if (head === undefined || name === 'watchTime') continue
    givenMask |= 1 << head
  }
  for (let head = 0; head < heads.length; head++) {
    if (!((givenMask >> head) & 1)) continue
    givenValues = givenLabels[heads[head]!] ? givenValues | (1 << head) : givenValues & ~(1 << head)
  }
  const { watchTimeMs, durationMs, replays } = view
  return { watchTimeMs: Math.max(0, watchTimeMs), durationMs, replays, givenMask, givenValues }
}

const headByUntoldKey: ReadonlyMap<string, number> = new Map(heads.map((head, index) => [untoldKey(head), index]))

/** Of two views of one entry the longer stands, so that coming back for a moment does not turn a watch into a skip. */
export function standingView(known: ViewEnd | null, next: ViewEnd): ViewEnd {
  return known !== null && known.watchTimeMs >= next.watchTimeMs ? known : next
}

/** The newest by event time of a kind and key stands; of equal times the later record. Returns `marks` where it adds nothing. */
export function withMark(marks: readonly Mark[], mark: Mark): readonly Mark[] {
  const place = marks.findIndex((known) => known.kind === mark.kind && known.key === mark.key)
  if (place < 0) return marks.length >= marksMax ? marks : [...marks, mark]
  return marks[place]!.eventTimeMs > mark.eventTimeMs ? marks : marks.with(place, mark)
}

export function anyOn(marks: readonly Mark[]): boolean {
  return marks.some((mark) => mark.on)
}

/**
 * Labels in the order of `heads`. Without a view its labels are unknown; given labels stand in place of derived ones, and of
 * what the log does not tell only an engagement tells.
 */
export function entryLabels(view: ViewEnd | null, marks: readonly Mark[]): Float32Array {
  const labels = new Float32Array(heads.length)
  if (view) viewLabels(view, labels)
  else for (const head of viewHeads) labels[headIndex[head]] = unknownLabel
  if (view) applyUntold(view, labels)
  for (const mark of marks) {
    const head = mark.on ? headByKind[mark.kind] : null
    if (head !== null) labels[headIndex[head]] = 1
  }
  if (view) applyGiven(view, labels)
  return labels
}

const viewHeads: readonly Head[] = ['complete', 'longView', 'replay', 'earlySkip', 'watchTime']

function applyUntold(view: ViewEnd, labels: Float32Array): void {
  const untold = view.givenValues & ~view.givenMask
  if (untold === 0) return
  for (let head = 0; head < heads.length; head++) if ((untold >> head) & 1) labels[head] = unknownLabel
}

function applyGiven(view: ViewEnd, labels: Float32Array): void {
  if (view.givenMask === 0) return
  for (let head = 0; head < heads.length; head++) {
    if ((view.givenMask >> head) & 1) labels[head] = (view.givenValues >> head) & 1
  }
}

/** Unknown equals unknown. */
export function sameLabels(left: Float32Array, right: Float32Array): boolean {
  return left.every((label, head) => Object.is(label, right[head]))
}

const suspiciousLoops = 5
const suspiciousSlackMs = 60_000
const suspiciousWeightMin = 0.1

/**
 * Weight of a view: 1 up to `5 x duration x (replays + 1) + 60 s` of watch time, then that limit over the watch time, at
 * least 0.1. A loop left running overnight says little about taste; players that report no replays loop a few times.
 */
export function viewWeight(view: ViewEnd | null): number {
  if (view === null || view.durationMs <= 0) return 1
  const limitMs = suspiciousLoops * view.durationMs * (view.replays + 1) + suspiciousSlackMs
  return view.watchTimeMs <= limitMs ? 1 : Math.max(suspiciousWeightMin, limitMs / view.watchTimeMs)
}

/** Heads that say something of a taste when they are 1. */
const telling: readonly Head[] = heads.filter((head) => head !== 'earlySkip' && head !== 'watchTime')

/**
 * Whether an entry is one of the many of which little is learned: seen, and nothing came of it, neither good nor bad. A view of
 * less weight than 1 is none, so that a weight above 1 always says how many such entries an example stands for.
 */
export function isNegative(view: ViewEnd | null, marks: readonly Mark[], labels: Float32Array): boolean {
  return !anyOn(marks) && viewWeight(view) === 1 && !telling.some((head) => labels[headIndex[head]] === 1)
}
