// Slots that say what a video is.
import type { RowId } from '../../schemas/ids.ts'
import type { Feature, VideoFacts } from './feature.ts'
import { creatorIds, durationBandIds, hashtagIds, ownIds, soundIds, topicsMax, videoIds } from './own-ids.ts'

export const video = videoSlot('video', 1, videoIds)
export const creator = videoSlot('creator', 1, creatorIds)
export const sound = videoSlot('sound', 1, soundIds)
/** The category counts as the hashtag `category:x`. */
export const hashtags = videoSlot('hashtags', topicsMax, hashtagIds)
export const durationBand = videoSlot('durationBand', 1, durationBandIds)
export const videoLanguage = videoSlot('videoLanguage', 1, (facts) => ownIds(facts, 'videoLanguage', languageText))

function languageText(facts: VideoFacts): readonly string[] {
  return facts.language === null || facts.language === '' ? [] : [facts.language]
}

function videoSlot(name: string, width: number, ids: (facts: VideoFacts) => RowId[]): Feature {
  return {
    name,
    slots: [{ name, side: 'entry', width }],
    dense: [],
    ofVideoAlone: true,
    readEntry: (_, facts, out) => out.ids(name, ids(facts)),
  }
}
