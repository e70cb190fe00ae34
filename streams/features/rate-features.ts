// Running rates per entity: the write side counts each outcome under the frozen ids of a slot, the read side gives the
// row's shrunk rates. Adding an entity is one line here.
import type { RowId } from '../../schemas/ids.ts'
import { userCrossIds, userXsurfaceId, videoXsurfaceIds } from './cross-slots.ts'
import type { CountSink, Feature, FeatureSide, Outcome, VideoFacts } from './feature.ts'
import { creatorIds, durationBandIds, hashtagIds, soundIds, videoIds } from './own-ids.ts'
import { type PageCache, pageCache } from './page-cache.ts'
import { allRowId, rateBlockLength, rateNames } from './rates.ts'

/** Counts every outcome: what the other rates are shrunk to. */
export const allRates: Feature = {
  name: 'allRates',
  slots: [],
  dense: [],
  write: (_, sink) => sink.add('totals', allRowId),
}

export const userRates = pageRates('user', (page) => page.user)
export const surfaceRates = pageRates('surface', (page) => page.surface)
export const userXsurfaceRates = pageRates('userXsurface', userXsurfaceId)

export const videoRates = videoRatesOf('video', (_, video) => videoIds(video))
export const videoXsurfaceRates = videoRatesOf('videoXsurface', videoXsurfaceIds)

export const creatorRates = sharedRatesOf('creator', (_, video) => creatorIds(video))
export const soundRates = sharedRatesOf('sound', (_, video) => soundIds(video))
export const userXcreatorRates = sharedRatesOf('userXcreator', (page, video) =>
  userCrossIds(page, 'userXcreator', creatorIds(video)),
)
export const userXdurationBandRates = sharedRatesOf('userXdurationBand', (page, video) =>
  userCrossIds(page, 'userXdurationBand', durationBandIds(video)),
)
export const hashtagRates = hashtagRatesOf('hashtags', (_, video) => hashtagIds(video))
export const userXhashtagRates = hashtagRatesOf('userXhashtag', (page, video) =>
  userCrossIds(page, 'userXhashtag', hashtagIds(video)),
)

/** One row per page. */
function pageRates(slot: string, idOf: (page: PageCache) => RowId): Feature {
  const names = rateNames(slot)
  return {
    name: `${slot}Rates`,
    slots: [],
    dense: denseSpecs(names, 'query'),
    readQuery(context, out) {
      const page = pageCache(context)
      out.denseFrom(names[0]!, page.sharedRates(slot, idOf(page)))
    },
    write: (outcome, sink) => countSlot(slot, outcome, sink),
  }
}

type IdsOf = (page: PageCache, video: VideoFacts) => readonly RowId[]

/** A row that no other candidate of the page shares. */
function videoRatesOf(slot: string, idsOf: IdsOf): Feature {
  const names = rateNames(slot)
  const block = new Float32Array(rateBlockLength)
  return {
    name: `${slot}Rates`,
    slots: [],
    dense: denseSpecs(names, 'entry'),
    readEntry(context, video, out) {
      const page = pageCache(context)
      const id = idsOf(page, video)[0]
      if (id !== undefined) out.denseFrom(names[0]!, page.rates(id, block))
    },
    write: (outcome, sink) => countSlot(slot, outcome, sink),
  }
}

/** A row that several candidates of the page may share: read once per page. */
function sharedRatesOf(slot: string, idsOf: IdsOf): Feature {
  const names = rateNames(slot)
  return {
    name: `${slot}Rates`,
    slots: [],
    dense: denseSpecs(names, 'entry'),
    readEntry(context, video, out) {
      const page = pageCache(context)
      const id = idsOf(page, video)[0]
      if (id !== undefined) out.denseFrom(names[0]!, page.sharedRates(slot, id))
    },
    write: (outcome, sink) => countSlot(slot, outcome, sink),
  }
}

/** Mean and maximum over the rows of a video's hashtags. */
function hashtagRatesOf(slot: string, idsOf: IdsOf): Feature {
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
      const ids = idsOf(page, video)
      if (ids.length === 0) return
      mean.fill(0)
      max.fill(Number.NEGATIVE_INFINITY)
      for (let index = 0; index < ids.length; index++) {
        const block = page.sharedRates(slot, ids[index]!)
        for (let rate = 0; rate < rateBlockLength; rate++) {
          mean[rate] = mean[rate]! + block[rate]! / ids.length
          if (block[rate]! > max[rate]!) max[rate] = block[rate]!
        }
      }
      out.denseFrom(meanNames[0]!, mean)
      out.denseFrom(maxNames[0]!, max)
    },
    write: (outcome, sink) => countSlot(slot, outcome, sink),
  }
}

function denseSpecs(names: readonly string[], side: FeatureSide): { name: string; side: FeatureSide }[] {
  return names.map((name) => ({ name, side }))
}

function countSlot(slot: string, outcome: Outcome, sink: CountSink): void {
  for (const id of outcome.idsOf(slot)) sink.add('totals', id)
}
