// Dense values of time: of day, since the user last acted, and of the video.
import type { Feature } from './feature.ts'
import { pageCache } from './page-cache.ts'
import { clipDense } from './rates.ts'

const hourMs = 3_600_000
/** Stands for "never": log1p(hours) of about four months. */
const neverLogHours = 8

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
    const logHours = lastMs > 0 ? Math.log1p(Math.max(0, context.nowMs - lastMs) / hourMs) : neverLogHours
    out.dense('sinceLastOutcome', clipDense(logHours / 3))
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
