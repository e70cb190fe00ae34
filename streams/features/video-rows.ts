// The count rows that a video reads, kept with the video, so that a candidate costs no look-up by 64-bit id: its own, and
// those of its creator, sound, hashtags and duration band, which videos share.
import { crossRowId, type RowId } from '../../schemas/ids.ts'
import { CountedId } from './counted-id.ts'
import type { VideoFacts } from './feature.ts'
import { creatorIds, durationBandIds, hashtagIds, soundIds, videoIds } from './own-ids.ts'
import type { PageCache } from './page-cache.ts'

type SharedSlot = 'creator' | 'sound' | 'hashtags' | 'durationBand'

export class VideoRows {
  readonly video: CountedId
  readonly creator: readonly CountedId[]
  readonly sound: readonly CountedId[]
  readonly hashtags: readonly CountedId[]
  readonly durationBand: readonly CountedId[]
  private readonly crossedByKey = new Map<string, CountedId>()

  constructor(video: VideoFacts) {
    this.video = new CountedId(videoIds(video)[0]!)
    this.creator = shared('creator', creatorIds(video))
    this.sound = shared('sound', soundIds(video))
    this.hashtags = shared('hashtags', hashtagIds(video))
    this.durationBand = shared('durationBand', durationBandIds(video))
  }

  videoXsurface(page: PageCache): CountedId {
    const known = this.crossedByKey.get(page.videoXsurfaceKey)
    return known ?? this.cross(page.videoXsurfaceKey, crossRowId('videoXsurface', this.video.id, page.surface))
  }

  regionXvideo(page: PageCache): CountedId {
    const known = this.crossedByKey.get(page.regionXvideoKey)
    return known ?? this.cross(page.regionXvideoKey, crossRowId('regionXvideo', page.region, this.video.id))
  }

  private cross(key: string, id: RowId): CountedId {
    const counted = new CountedId(id)
    this.crossedByKey.set(key, counted)
    return counted
  }
}

/** At these bounds what is kept is made anew, as videos are met again. */
const videosMax = 50_000
const sharedMax = 200_000

let rowsByVideo = new WeakMap<VideoFacts, VideoRows>()
let videos = 0
const sharedBySlot: Readonly<Record<SharedSlot, Map<RowId, CountedId>>> = {
  creator: new Map(),
  sound: new Map(),
  hashtags: new Map(),
  durationBand: new Map(),
}

function shared(slot: SharedSlot, ids: readonly RowId[]): CountedId[] {
  const known = sharedBySlot[slot]
  return ids.map((id) => {
    let counted = known.get(id)
    if (counted === undefined) {
      if (known.size >= sharedMax) known.clear()
      counted = new CountedId(id)
      known.set(id, counted)
    }
    return counted
  })
}

let newestVideo: VideoFacts | null = null
let newestRows: VideoRows | null = null

/** The rows of a video. One video's features are read one after the other, so the newest is remembered. */
export function videoRows(video: VideoFacts): VideoRows {
  if (newestRows !== null && newestVideo === video) return newestRows
  let rows = rowsByVideo.get(video)
  if (rows === undefined) {
    if (videos >= videosMax) {
      rowsByVideo = new WeakMap()
      videos = 0
    }
    rows = new VideoRows(video)
    rowsByVideo.set(video, rows)
    videos++
  }
  newestVideo = video
  newestRows = rows
  return rows
}
