// Slots of pairs: what the user does with what the video is, and what the video is on which surface.
import { crossRowId, type RowId } from '../../schemas/ids.ts'
import type { CountedId } from './counted-id.ts'
import type { Feature } from './feature.ts'
import { crossedIds, hashtagIds, topicsMax } from './own-ids.ts'
import { type PageCache, pageCache } from './page-cache.ts'
import { type VideoRows, videoRows } from './video-rows.ts'

export const userXsurface: Feature = {
  name: 'userXsurface',
  slots: [{ name: 'userXsurface', side: 'query', width: 1 }],
  dense: [],
  readQuery: (context, out) => out.id('userXsurface', userXsurfaceId(pageCache(context))),
}

export function userXsurfaceId(page: PageCache): RowId {
  return crossRowId('userXsurface', page.user, page.surface)
}

export const userXcreator = userCross('userXcreator', 1, (rows) => rows.creator)
export const userXhashtag = userCross('userXhashtag', topicsMax, (rows) => rows.hashtags)
export const userXdurationBand = userCross('userXdurationBand', 1, (rows) => rows.durationBand)

/** Rows of the user crossed with each of a video's ids. */
function userCross(name: string, width: number, own: (rows: VideoRows) => readonly CountedId[]): Feature {
  const ids: RowId[] = []
  return {
    name,
    slots: [{ name, side: 'entry', width }],
    dense: [],
    readEntry(context, video, out) {
      const page = pageCache(context)
      const counted = own(videoRows(video))
      ids.length = 0
      for (let index = 0; index < counted.length; index++) ids.push(counted[index]!.userCross(page, name))
      out.ids(name, ids)
    },
  }
}

export const videoXsurface: Feature = {
  name: 'videoXsurface',
  slots: [{ name: 'videoXsurface', side: 'entry', width: 1 }],
  dense: [],
  readEntry: (context, video, out) => out.id('videoXsurface', videoRows(video).videoXsurface(pageCache(context)).id),
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
