// What is watched now: outcomes of a video, everywhere and in the page's region, that halve every trendHalfLifeMs.

import type { RowId } from '../../schemas/ids.ts'
import { crossRowId, rowId } from '../../schemas/ids.ts'
import { trendHalfLifeMs } from './count-columns.ts'
import type { Feature, FeatureWriter } from './feature.ts'
import { trendRowId, videoIds } from './own-ids.ts'
import { type PageCache, pageCache } from './page-cache.ts'
import { rateBlockLength, rateNames, ratesOf } from './rates.ts'

const worldNames = rateNames('trend')
const regionNames = rateNames('regionTrend')
const block = new Float32Array(rateBlockLength)

export const trends: Feature = {
  name: 'trends',
  slots: [],
  dense: [...worldNames, ...regionNames].map((name) => ({ name, side: 'entry' as const })),
  readEntry(context, video, out) {
    const page = pageCache(context)
    const id = videoIds(video)[0]!
    writeTrend(page, id, worldNames[0]!, out)
    let inRegion = video.rowIdsBySlot.get(page.regionXvideoKey)
    if (!inRegion) {
      inRegion = [crossRowId('regionXvideo', page.region, id)]
      video.rowIdsBySlot.set(page.regionXvideoKey, inRegion)
    }
    writeTrend(page, inRegion[0]!, regionNames[0]!, out)
  },
  write(outcome, sink) {
    sink.add('trends', rowId('video', outcome.videoId))
    sink.add('trends', trendRowId(outcome.region, outcome.videoId))
  },
}

function writeTrend(page: PageCache, id: RowId, firstName: string, out: FeatureWriter): void {
  const row = page.read('trends', id)
  if (page.readTimeMs === 0) return
  const decay = trendDecay(page.readTimeMs, page.context.nowMs)
  for (let column = 0; column < row.length; column++) row[column] = row[column]! * decay
  out.denseFrom(firstName, ratesOf(row, page.means, block))
}

/** What is left at `nowMs` of a row of `trends` as of `rowTimeMs`; 1 where the row is newer. */
export function trendDecay(rowTimeMs: number, nowMs: number): number {
  return 2 ** (-Math.max(0, nowMs - rowTimeMs) / trendHalfLifeMs)
}
