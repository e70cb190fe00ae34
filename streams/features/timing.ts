// Dense values of time: of day, since the user last acted, and of the video.
import { userXsurfaceId } from './cross-slots.ts'
import type { Feature } from './feature.ts'
import { pageCache } from './page-cache.ts'
import { clipDense } from './rates.ts'
import { videoRows } from './video-rows.ts'

const hourMs = 3_600_000
/** Stands for "never": log1p(hours) of about four months. */
const neverLogHours = 8

const ageNames = ['video.age', 'creator.age', 'userXcreator.age', 'userXdurationBand.age', 'userXhashtag.age']
const ages = new Float32Array(ageNames.length)

/** Zero time stands for never. */
function ageOf(timeMs: number, nowMs: number): number {
  const logHours = timeMs > 0 ? Math.log1p(Math.max(0, nowMs - timeMs) / hourMs) : neverLogHours
  return clipDense(logHours / 3)
}

export const hourOfDay: Feature = {
  name: 'hourOfDay',
  slots: [],
  dense: [
    { name: 'hourSin', side: 'query' },
    { name: 'hourCos', side: 'query' },
  ],
  readQuery(context, out) {
    const angle = ((context.nowMs / hourMs) % 24) * (Math.PI / 12)
    out.dense('hourSin', Math.sin(angle))
    out.dense('hourCos', Math.cos(angle))
  },
}

/** Its write side is that of the user's rates: the row's newest event time is the last outcome's. */
export const sinceLastOutcome: Feature = {
  name: 'sinceLastOutcome',
  slots: [],
  dense: [{ name: 'sinceLastOutcome', side: 'query' }],
  readQuery(context, out) {
    const page = pageCache(context)
    const lastMs = page.row('totals', page.user).eventTimeMs
    out.dense('sinceLastOutcome', ageOf(lastMs, context.nowMs))
  },
}

/** How long ago somebody met the video or its creator, and the user this surface, creator, duration band or hashtag. */
export const agesSinceOutcome: Feature = {
  name: 'agesSinceOutcome',
  slots: [],
  dense: [{ name: 'userXsurface.age', side: 'query' }, ...ageNames.map((name) => ({ name, side: 'entry' as const }))],
  readQuery(context, out) {
    const page = pageCache(context)
    const { eventTimeMs } = page.row('totals', userXsurfaceId(page))
    out.dense('userXsurface.age', ageOf(eventTimeMs, context.nowMs))
  },
  readEntry(context, video, out) {
    const page = pageCache(context)
    const { video: own, creator, durationBand, hashtags } = videoRows(video)
    let newestMs = 0
    for (let index = 0; index < hashtags.length; index++) {
      newestMs = Math.max(newestMs, hashtags[index]!.userRow(page, 'userXhashtag').eventTimeMs)
    }
    ages[0] = ageOf(own.totalRow(page).eventTimeMs, context.nowMs)
    ages[1] = ageOf(creator[0]?.totalRow(page).eventTimeMs ?? 0, context.nowMs)
    ages[2] = ageOf(creator[0]?.userRow(page, 'userXcreator').eventTimeMs ?? 0, context.nowMs)
    ages[3] = ageOf(durationBand[0]?.userRow(page, 'userXdurationBand').eventTimeMs ?? 0, context.nowMs)
    ages[4] = ageOf(newestMs, context.nowMs)
    out.denseFrom(ageNames[0]!, ages)
  },
}

export const logDuration: Feature = {
  name: 'logDuration',
  slots: [],
  dense: [{ name: 'logDuration', side: 'entry' }],
  ofVideoAlone: true,
  readEntry: (_, video, out) =>
    out.dense('logDuration', clipDense(Math.log1p(Math.max(0, video.durationMs) / 1_000) / 3)),
}
