// What the user wants in this session: the last half hour of the history, newest acts weighing most.
import type { Feature, HistoryEntry, UserHistory, VideoFacts } from './feature.ts'
import { topicsOf } from './own-ids.ts'
import { clipDense } from './rates.ts'

export const sessionMs = 30 * 60_000
export const sessionEntriesMax = 16
/** Each act weighs this much of the one after it. */
const recencyDiscount = 0.9

const likeWeight = 2
const completeWeight = 1
const earlySkipWeight = -1
const notInterestedWeight = -3

export interface SessionAffinity {
  /** Positive: the session liked this; about -4 to 4. */
  readonly hashtag: number
  readonly creator: number
  readonly sound: number
  /** The video's hashtag that moved `hashtag` most; null where none did. */
  readonly topHashtag: string | null
}

interface SessionProfile {
  readonly weightByHashtag: Map<string, number>
  readonly weightByCreator: Map<string, number>
  readonly weightBySound: Map<string, number>
  readonly acts: number
  readonly skips: number
}

/** How the session so far speaks for a video. The hashtag part is the mean over the hashtags that the session knows. */
export function sessionAffinity(history: UserHistory, video: VideoFacts, nowMs: number): SessionAffinity {
  const profile = sessionProfile(history, nowMs)
  const creator = profile.weightByCreator.get(video.creatorId) ?? 0
  const sound = video.soundId === null ? 0 : (profile.weightBySound.get(video.soundId) ?? 0)
  let sum = 0
  let known = 0
  let top = 0
  let topHashtag: string | null = null
  if (profile.weightByHashtag.size > 0) {
    for (const topic of topicsOf(video)) {
      const weight = profile.weightByHashtag.get(topic)
      if (weight === undefined) continue
      sum += weight
      known++
      if (Math.abs(weight) > Math.abs(top)) {
        top = weight
        topHashtag = topic
      }
    }
  }
  const hashtag = known === 0 ? 0 : sum / known
  return { hashtag: clipDense(hashtag), creator: clipDense(creator), sound: clipDense(sound), topHashtag }
}

export const session: Feature = {
  name: 'session',
  slots: [],
  dense: [
    { name: 'sessionLength', side: 'query' },
    { name: 'sessionSkipRate', side: 'query' },
    { name: 'sessionHashtagAffinity', side: 'entry' },
    { name: 'sessionCreatorAffinity', side: 'entry' },
    { name: 'sessionSoundAffinity', side: 'entry' },
  ],
  readQuery(context, out) {
    const { acts, skips } = sessionProfile(context.history, context.nowMs)
    out.dense('sessionLength', Math.log1p(acts) / 3)
    // Shrunk by two acts, so that the first skip is no verdict.
    out.dense('sessionSkipRate', acts === 0 ? 0 : skips / (acts + 2))
  },
  readEntry(context, video, out) {
    if (context.history.recent.length === 0) return
    const affinity = sessionAffinity(context.history, video, context.nowMs)
    out.dense('sessionHashtagAffinity', affinity.hashtag)
    out.dense('sessionCreatorAffinity', affinity.creator)
    out.dense('sessionSoundAffinity', affinity.sound)
  },
}

let newestHistory: UserHistory | null = null
let newestNowMs = Number.NaN
let newestProfile: SessionProfile | null = null

/** Histories are never changed in place, so the profile of the newest one is remembered for the page's candidates. */
function sessionProfile(history: UserHistory, nowMs: number): SessionProfile {
  if (newestProfile && history === newestHistory && nowMs === newestNowMs) return newestProfile
  newestProfile = profileOf(history, nowMs)
  newestHistory = history
  newestNowMs = nowMs
  return newestProfile
}

function profileOf(history: UserHistory, nowMs: number): SessionProfile {
  const weightByHashtag = new Map<string, number>()
  const weightByCreator = new Map<string, number>()
  const weightBySound = new Map<string, number>()
  let acts = 0
  let skips = 0
  let discount = 1
  for (const entry of history.recent) {
    if (acts === sessionEntriesMax || entry.eventTimeMs < nowMs - sessionMs) break
    acts++
    if (entry.earlySkip) skips++
    const weight = discount * actWeight(entry)
    discount *= recencyDiscount
    if (weight === 0) continue
    for (const hashtag of entry.hashtags) addWeight(weightByHashtag, hashtag, weight)
    if (entry.creatorId !== null) addWeight(weightByCreator, entry.creatorId, weight)
    if (entry.soundId !== null) addWeight(weightBySound, entry.soundId, weight)
  }
  return { weightByHashtag, weightByCreator, weightBySound, acts, skips }
}

function actWeight(entry: HistoryEntry): number {
  return (
    (entry.completed ? completeWeight : 0) +
    (entry.liked ? likeWeight : 0) +
    (entry.earlySkip ? earlySkipWeight : 0) +
    (entry.notInterested ? notInterestedWeight : 0)
  )
}

function addWeight(weights: Map<string, number>, name: string, weight: number): void {
  weights.set(name, (weights.get(name) ?? 0) + weight)
}
