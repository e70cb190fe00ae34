// Which slots name rows of one user alone: found by hydrating the same page for two users who differ in nothing but their
// name, so a new feature is sorted without being told.
import type { FeatureRow } from '../../../schemas/layouts/feature-row.ts'
import type { QueryContext, VideoFacts } from '../../../streams/features/feature.ts'
import type { FeatureSet, SideLayout, SlotPlace } from '../../../streams/features/feature-set.ts'
import { emptyHistory } from '../../../streams/features/history.ts'
import { unknownUser } from '../../../streams/features/user-facts.ts'

export interface UserKeyedSlots {
  readonly query: readonly SlotPlace[]
  readonly entry: readonly SlotPlace[]
}

export function userKeyedSlots(features: FeatureSet): UserKeyedSlots {
  const [one, other] = ['one', 'other'].map((userId) => {
    const context = pageOf(userId)
    return { query: features.readQuery(context), entry: features.readEntry(context, anyVideo()) }
  })
  return {
    query: differing(features.query, one!.query, other!.query),
    entry: differing(features.entry, one!.entry, other!.entry),
  }
}

function differing(layout: SideLayout, one: FeatureRow, other: FeatureRow): SlotPlace[] {
  return layout.slots.filter(({ start, width }) => {
    for (let index = start; index < start + width; index++) if (one.ids[index] !== other.ids[index]) return true
    return false
  })
}

function pageOf(userId: string): QueryContext {
  return {
    user: unknownUser(userId),
    surface: 'foryou',
    device: 'phone',
    network: 'wifi',
    language: 'en',
    region: 'NL',
    nowMs: 0,
    history: emptyHistory,
    counts: {
      read(_table, _id, out) {
        out.fill(0)
        return 0
      },
    },
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
