// The feature of the tutorial: how much of earlier videos about the same things, or by the same creator, this person watched,
// beside how much they watch of anything. It reads the history alone, so it knows nothing later than the page.
import type { Feature, HistoryEntry, VideoFacts } from '../../streams/features/feature.ts'
import { topicsOf } from '../../streams/features/own-ids.ts'

/** A mean of few videos is drawn towards that of all, as if so many of those had been seen too. */
const priorEntries = 3

export const feature: Feature = {
  name: 'tasteMatch',
  slots: [],
  dense: [
    { name: 'tasteMatchTopics', side: 'entry' },
    { name: 'tasteMatchCreator', side: 'entry' },
    { name: 'tasteMatchSeen', side: 'entry' },
  ],
  readEntry({ history }, video, out) {
    const { recent } = history
    if (recent.length === 0) return
    const usual = recent.reduce((sum, entry) => sum + entry.watchRatio, 0) / recent.length
    const alike = recent.filter((entry) => sharesTopic(entry, video))
    out.dense('tasteMatchTopics', 4 * excess(alike, usual))
    out.dense(
      'tasteMatchCreator',
      4 *
        excess(
          recent.filter(({ creatorId }) => creatorId === video.creatorId),
          usual,
        ),
    )
    out.dense('tasteMatchSeen', alike.length / recent.length)
  },
}

/** By how much more of these than usual was watched, shrunk towards nothing. */
function excess(entries: readonly HistoryEntry[], usual: number): number {
  const sum = entries.reduce((total, entry) => total + entry.watchRatio - usual, 0)
  return sum / (entries.length + priorEntries)
}

function sharesTopic({ hashtags }: HistoryEntry, video: VideoFacts): boolean {
  const topics = topicsOf(video)
  return hashtags.some((hashtag) => topics.includes(hashtag))
}
