// What is watched now: outcomes of a video, everywhere and in the page's region, that halve every trendHalfLifeMs.
import { rowId } from '../../schemas/ids.ts'
import { countDecay, countDimension } from './count-columns.ts'
import type { CountedId } from './counted-id.ts'
import type { Feature, FeatureWriter } from './feature.ts'
import { trendRowId } from './own-ids.ts'
import { type PageCache, pageCache } from './page-cache.ts'
import { rateBlockLength, rateNames, ratesOf } from './rates.ts'
import { videoRows } from './video-rows.ts'

const worldNames = rateNames('trend')
const regionNames = rateNames('regionTrend')
const decayed = new Float32Array(countDimension)
const block = new Float32Array(rateBlockLength)

export const trends: Feature = {
  name: 'trends',
  slots: [],
  dense: [...worldNames, ...regionNames].map((name) => ({ name, side: 'entry' as const })),
  readEntry(context, video, out) {
    const page = pageCache(context)
    const rows = videoRows(video)
    writeTrend(page, rows.video, worldNames[0]!, out)
    writeTrend(page, rows.regionXvideo(page), regionNames[0]!, out)
  },
  write(outcome, sink) {
    sink.add('trends', rowId('video', outcome.videoId))
    sink.add('trends', trendRowId(outcome.region, outcome.videoId))
  },
}

function writeTrend(page: PageCache, counted: CountedId, firstName: string, out: FeatureWriter): void {
  const { values, eventTimeMs } = counted.trendRow(page)
  if (eventTimeMs === 0) return
  const decay = countDecay('trends', page.context.nowMs - eventTimeMs)
  for (let column = 0; column < countDimension; column++) decayed[column] = values[column]! * decay
  out.denseFrom(firstName, ratesOf(decayed, page.means, block))
}
