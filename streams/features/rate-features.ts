// Running rates per entity: the write side counts each outcome under the frozen ids of a slot, the read side gives the
// row's shrunk rates. Adding an entity is one line here.
import type { RowId } from '../../schemas/ids.ts'
import type { CountTable } from './count-columns.ts'
import type { CountedId } from './counted-id.ts'
import { userXsurfaceId } from './cross-slots.ts'
import type { Feature, FeatureSide } from './feature.ts'
import { type PageCache, pageCache } from './page-cache.ts'
import { allRowId, type RateBlock, rateBlockLength, rateNames } from './rates.ts'
import { type VideoRows, videoRows } from './video-rows.ts'

/** Counts every outcome: what the other rates are shrunk to. */
export const allRates: Feature = {
  name: 'allRates',
  slots: [],
  dense: [],
  write: (_, sink) => sink.add('totals', allRowId),
}

export const userRates = pageRates('user', 'totals', (page) => page.user)
export const surfaceRates = pageRates('surface', 'totals', (page) => page.surface)
export const userXsurfaceRates = pageRates('userXsurface', 'totals', userXsurfaceId)
/** What the user did of late. */
export const userRecentRates = pageRates('user', 'recent', (page) => page.user)
export const userXsurfaceRecentRates = pageRates('userXsurface', 'recent', userXsurfaceId)

export const videoRates = videoRatesOf('video', (page, rows) => rows.video.rates(page))
export const videoXsurfaceRates = videoRatesOf('videoXsurface', (page, rows) => rows.videoXsurface(page).rates(page))
export const creatorRates = videoRatesOf('creator', (page, rows) => rows.creator[0]?.rates(page))
export const soundRates = videoRatesOf('sound', (page, rows) => rows.sound[0]?.rates(page))
export const userXcreatorRates = videoRatesOf('userXcreator', (page, rows) =>
  rows.creator[0]?.userRates(page, 'userXcreator'),
)
export const userXdurationBandRates = videoRatesOf('userXdurationBand', (page, rows) =>
  rows.durationBand[0]?.userRates(page, 'userXdurationBand'),
)
export const hashtagRates = hashtagRatesOf('hashtags', (page, hashtag) => hashtag.rates(page))
export const userXhashtagRates = hashtagRatesOf('userXhashtag', (page, hashtag) =>
  hashtag.userRates(page, 'userXhashtag'),
)

/** One row per page. */
function pageRates(slot: string, table: CountTable, idOf: (page: PageCache) => RowId): Feature {
  const entity = table === 'recent' ? `${slot}Recent` : slot
  const names = rateNames(entity)
  return {
    name: `${entity}Rates`,
    slots: [],
    dense: denseSpecs(names, 'query'),
    readQuery(context, out) {
      const page = pageCache(context)
      out.denseFrom(names[0]!, page.rates(table, idOf(page)))
    },
    write: (_, sink) => sink.addSlot(table, slot),
  }
}

/** One row per video; none where the video has no such id. */
function videoRatesOf(slot: string, ratesOf: (page: PageCache, rows: VideoRows) => RateBlock | undefined): Feature {
  const names = rateNames(slot)
  return {
    name: `${slot}Rates`,
    slots: [],
    dense: denseSpecs(names, 'entry'),
    readEntry(context, video, out) {
      const block = ratesOf(pageCache(context), videoRows(video))
      if (block !== undefined) out.denseFrom(names[0]!, block)
    },
    write: (_, sink) => sink.addSlot('totals', slot),
  }
}

/** Mean and maximum over the rows of a video's hashtags. */
function hashtagRatesOf(slot: string, ratesOf: (page: PageCache, hashtag: CountedId) => RateBlock): Feature {
  const meanNames = rateNames(`${slot}.mean`)
  const maxNames = rateNames(`${slot}.max`)
  const mean = new Float32Array(rateBlockLength)
  const max = new Float32Array(rateBlockLength)
  return {
    name: `${slot}Rates`,
    slots: [],
    dense: denseSpecs([...meanNames, ...maxNames], 'entry'),
    readEntry(context, video, out) {
      const page = pageCache(context)
      const { hashtags } = videoRows(video)
      const count = hashtags.length
      if (count === 0) return
      mean.fill(0)
      max.fill(Number.NEGATIVE_INFINITY)
      for (let index = 0; index < count; index++) {
        const block = ratesOf(page, hashtags[index]!)
        for (let rate = 0; rate < rateBlockLength; rate++) {
          mean[rate] = mean[rate]! + block[rate]! / count
          if (block[rate]! > max[rate]!) max[rate] = block[rate]!
        }
      }
      out.denseFrom(meanNames[0]!, mean)
      out.denseFrom(maxNames[0]!, max)
    },
    write: (_, sink) => sink.addSlot('totals', slot),
  }
}

function denseSpecs(names: readonly string[], side: FeatureSide): { name: string; side: FeatureSide }[] {
  return names.map((name) => ({ name, side }))
}
