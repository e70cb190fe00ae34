// Which slots tell of the user, found by hydrating the same page for users who differ in one thing or another, so that a new
// feature is sorted without being told. What the video's side tells of a user's profile or history would have to lie in a table of the
// user's side; a test holds that.
import type { FeatureRow } from '../../../schemas/layouts/feature-row.ts'
import type { HistoryEntry, QueryContext, UserFacts, VideoFacts } from '../../../streams/features/feature.ts'
import type { FeatureSet, SideLayout, SlotPlace } from '../../../streams/features/feature-set.ts'
import { emptyHistory } from '../../../streams/features/history.ts'
import { unknownUser } from '../../../streams/features/user-facts.ts'

export interface UserKeyedSlots {
  readonly query: readonly SlotPlace[]
  readonly entry: readonly SlotPlace[]
}

/** They name rows of one user alone: the user's own, and crosses of the user with something. */
export function userKeyedSlots(features: FeatureSet): UserKeyedSlots {
  const [one, other] = ['one', 'other'].map((userId) => {
    const context = pageOf(unknownUser(userId))
    return { query: features.readQuery(context), entry: features.readEntry(context, anyVideo()) }
  })
  return {
    query: differing(features.query, one!.query, other!.query),
    entry: differing(features.entry, one!.entry, other!.entry),
  }
}

/** Slots of the query side that tell of the user in any way, by name, profile or history; together they may name the user as
 *  well as the id does. */
export function userToldSlots(features: FeatureSet): readonly SlotPlace[] {
  const [stranger, known] = bothPages()
  return differing(features.query, features.readQuery(stranger), features.readQuery(known))
}

/** Slots of the entry side that do. */
export function userToldEntrySlots(features: FeatureSet): readonly SlotPlace[] {
  const [stranger, known] = bothPages()
  return differing(features.entry, features.readEntry(stranger, anyVideo()), features.readEntry(known, anyVideo()))
}

function bothPages(): readonly [QueryContext, QueryContext] {
  return [pageOf(unknownUser('one')), pageOf(knownUser('other'))]
}

function differing(layout: SideLayout, one: FeatureRow, other: FeatureRow): SlotPlace[] {
  return layout.slots.filter(({ start, width }) => {
    for (let index = start; index < start + width; index++) if (one.ids[index] !== other.ids[index]) return true
    return false
  })
}

function pageOf(user: UserFacts): QueryContext {
  return {
    user,
    surface: 'foryou',
    device: 'phone',
    network: 'wifi',
    language: user.language ?? 'en',
    region: user.region ?? 'NL',
    nowMs: 0,
    history: user.interests.length === 0 ? emptyHistory : { recent: [viewed('liked'), viewed('skipped')] },
    counts: {
      read(_table, _id, out) {
        out.fill(0)
        return 0
      },
    },
  }
}

/** Of enough attributes that each slot has some. */
const attributeCount = 256

function knownUser(userId: string): UserFacts {
  const names = Array.from({ length: attributeCount }, (_, number) => `attribute ${number}`)
  return {
    ...unknownUser(userId),
    region: 'DE',
    language: 'de',
    birthYear: 1990,
    interests: ['interest'],
    attributes: Object.fromEntries(names.map((name) => [name, 'any'])),
  }
}

function viewed(outcome: 'liked' | 'skipped'): HistoryEntry {
  const liked = outcome === 'liked'
  return {
    videoId: outcome,
    creatorId: `creator of ${outcome}`,
    hashtags: [`hashtag of ${outcome}`],
    soundId: `sound of ${outcome}`,
    eventTimeMs: 0,
    watchRatio: liked ? 1 : 0,
    completed: liked,
    earlySkip: !liked,
    liked,
    notInterested: !liked,
  }
}

/** It has one of everything that a slot may be crossed with. */
function anyVideo(): VideoFacts {
  return {
    videoId: 'video',
    creatorId: 'creator',
    durationMs: 10_000,
    soundId: 'sound',
    hashtags: ['hashtag'],
    category: 'category',
    language: 'en',
    region: 'NL',
    publishedTimeMs: 0,
    content: null,
    attributes: { kind: 'any' },
    rowIdsBySlot: new Map(),
  }
}
