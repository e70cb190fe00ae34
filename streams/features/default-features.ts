// The features that are hydrated and frozen by default, in the order of their layout, and the switch that leaves some out.
import { FreshetError } from '../runtime/errors.ts'
import { content } from './content.ts'
import * as crosses from './cross-slots.ts'
import type { Feature } from './feature.ts'
import * as pageSlots from './page-slots.ts'
import * as profiles from './profile-slots.ts'
import * as rates from './rate-features.ts'
import { recentNegative, recentPositive } from './recent-videos.ts'
import { session } from './session.ts'
import { agesSinceOutcome, hourOfDay, logDuration, sinceLastOutcome } from './timing.ts'
import { trends } from './trends.ts'
import * as videoSlots from './video-slots.ts'

/** Order is part of the layout's fingerprint: append. */
export const defaultFeatures: readonly Feature[] = [
  pageSlots.user,
  pageSlots.region,
  pageSlots.language,
  pageSlots.device,
  pageSlots.network,
  pageSlots.hour,
  pageSlots.weekday,
  pageSlots.surface,
  ...profiles.userAttributes,
  profiles.interests,
  recentPositive,
  recentNegative,
  crosses.userXsurface,
  videoSlots.video,
  videoSlots.creator,
  videoSlots.sound,
  videoSlots.hashtags,
  videoSlots.durationBand,
  videoSlots.videoLanguage,
  ...profiles.videoAttributes,
  crosses.userXcreator,
  crosses.userXhashtag,
  crosses.userXdurationBand,
  crosses.videoXsurface,
  crosses.hashtagXsurface,
  rates.allRates,
  rates.userRates,
  rates.surfaceRates,
  rates.userXsurfaceRates,
  rates.videoRates,
  rates.videoXsurfaceRates,
  rates.creatorRates,
  rates.soundRates,
  rates.hashtagRates,
  rates.userXcreatorRates,
  rates.userXdurationBandRates,
  rates.userXhashtagRates,
  trends,
  hourOfDay,
  sinceLastOutcome,
  logDuration,
  session,
  content,
  rates.userRecentRates,
  rates.userXsurfaceRecentRates,
  agesSinceOutcome,
]

export interface FeatureSelection {
  /** Names of features; one `*` stands for any letters: `*Rates` leaves out every running rate. */
  readonly exclude: readonly string[]
}

/** The default features without those excluded. Throws config-invalid for a name that fits none. */
export function selectFeatures(
  selection: FeatureSelection,
  features: readonly Feature[] = defaultFeatures,
): readonly Feature[] {
  const excluded = new Set<Feature>()
  for (const pattern of selection.exclude) {
    const [before = '', after] = pattern.split('*')
    const fits = features.filter(({ name }) =>
      after === undefined
        ? name === pattern
        : name.length >= before.length + after.length && name.startsWith(before) && name.endsWith(after),
    )
    if (fits.length === 0) {
      const known = features.map((feature) => feature.name).join(', ')
      throw new FreshetError('config-invalid', `no feature is named ${pattern}; name one of ${known}`)
    }
    for (const feature of fits) excluded.add(feature)
  }
  return features.filter((feature) => !excluded.has(feature))
}
