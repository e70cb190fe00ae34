// Slots of pairs: what the user does with what the video is, and what the video is on which surface.
import { crossRowId, type RowId } from '../../schemas/ids.ts'
import type { Feature, VideoFacts } from './feature.ts'
import { creatorIds, crossedIds, durationBandIds, hashtagIds, topicsMax, videoIds } from './own-ids.ts'
import { type PageCache, pageCache } from './page-cache.ts'

export const userXsurface: Feature = {
  name: 'userXsurface',
  slots: [{ name: 'userXsurface', side: 'query', width: 1 }],
  dense: [],
  readQuery: (context, out) => out.id('userXsurface', userXsurfaceId(pageCache(context))),
}

export function userXsurfaceId(page: PageCache): RowId {
  return crossRowId('userXsurface', page.user, page.surface)
}

export const userXcreator = userCross('userXcreator', 1, creatorIds)
export const userXhashtag = userCross('userXhashtag', topicsMax, hashtagIds)
export const userXdurationBand = userCross('userXdurationBand', 1, durationBandIds)

function userCross(name: string, width: number, own: (video: VideoFacts) => RowId[]): Feature {
  return {
    name,
    slots: [{ name, side: 'entry', width }],
    dense: [],
    readEntry: (context, video, out) => out.ids(name, userCrossIds(pageCache(context), name, own(video))),
  }
}

/** Rows of the user crossed with each of a video's ids. */
export function userCrossIds(page: PageCache, slot: string, own: readonly RowId[]): RowId[] {
  const ids: RowId[] = []
  for (let index = 0; index < own.length; index++) ids.push(page.userCross(slot, own[index]!))
  return ids
}

export const videoXsurface: Feature = {
  name: 'videoXsurface',
  slots: [{ name: 'videoXsurface', side: 'entry', width: 1 }],
  dense: [],
  readEntry: (context, video, out) => out.ids('videoXsurface', videoXsurfaceIds(pageCache(context), video)),
}

export function videoXsurfaceIds(page: PageCache, video: VideoFacts): RowId[] {
  return crossedIds(video, 'videoXsurface', page.videoXsurfaceKey, videoIds(video), page.surface)
}

export const hashtagXsurface: Feature = {
  name: 'hashtagXsurface',
  slots: [{ name: 'hashtagXsurface', side: 'entry', width: topicsMax }],
  dense: [],
  readEntry(context, video, out) {
    const page = pageCache(context)
    const own = hashtagIds(video)
    out.ids('hashtagXsurface', crossedIds(video, 'hashtagXsurface', page.hashtagXsurfaceKey, own, page.surface))
  },
}
