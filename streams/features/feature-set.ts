// An ordered set of features and the layout it freezes: which id and which dense value stands where, on each side. The
// fingerprint names the layout in every FeedServed and Example.
import { checksum, type RowId } from '../../schemas/ids.ts'
import { type FeatureRow, featureRow } from '../../schemas/layouts/feature-row.ts'
import { assert } from '../runtime/errors.ts'
import type { Feature, FeatureSide, FeatureWriter, QueryContext, VideoFacts } from './feature.ts'

export interface SlotPlace {
  readonly name: string
  readonly width: number
  /** First index among the side's ids. */
  readonly start: number
}

export interface SideLayout {
  readonly slots: readonly SlotPlace[]
  readonly slotByName: ReadonlyMap<string, SlotPlace>
  readonly idCount: number
  readonly denseNames: readonly string[]
  readonly denseIndexByName: ReadonlyMap<string, number>
}

export interface FeatureSet {
  readonly features: readonly Feature[]
  readonly query: SideLayout
  readonly entry: SideLayout
  readonly fingerprint: string
  /** Runs every read side for the page; a fresh row. */
  readQuery(context: QueryContext): FeatureRow
  /** Runs every read side for one candidate; a fresh row. */
  readEntry(context: QueryContext, video: VideoFacts): FeatureRow
}

export function featureSet(features: readonly Feature[]): FeatureSet {
  const query = sideLayout(features, 'query')
  const entry = sideLayout(features, 'entry')
  const text = JSON.stringify([describe(query), describe(entry)])
  const queryWriter = new RowWriter(query)
  const entryWriter = new RowWriter(entry)
  const entryFeatures = features.filter((feature) => feature.readEntry)
  const ofPage = entryFeatures.filter((feature) => !feature.ofVideoAlone)
  const videoParts = new VideoParts(
    entry,
    entryFeatures.filter((feature) => feature.ofVideoAlone),
  )
  return {
    features,
    query,
    entry,
    fingerprint: checksum(new TextEncoder().encode(text)),
    readQuery(context) {
      const row = queryWriter.begin()
      for (const feature of features) feature.readQuery?.(context, queryWriter)
      return row
    },
    readEntry(context, video) {
      const row = entryWriter.begin(videoParts.of(context, video))
      for (const feature of ofPage) feature.readEntry!(context, video, entryWriter)
      return row
    },
  }
}

function sideLayout(features: readonly Feature[], side: FeatureSide): SideLayout {
  const slots: SlotPlace[] = []
  let start = 0
  for (const slot of features.flatMap((feature) => feature.slots.filter((spec) => spec.side === side))) {
    slots.push({ name: slot.name, width: slot.width, start })
    start += slot.width
  }
  const denseNames = features.flatMap((feature) =>
    feature.dense.filter((spec) => spec.side === side).map((spec) => spec.name),
  )
  const slotByName = new Map(slots.map((slot) => [slot.name, slot]))
  const denseIndexByName = new Map(denseNames.map((name, index) => [name, index]))
  assert(slotByName.size === slots.length, `slot names are distinct on the ${side} side`)
  assert(denseIndexByName.size === denseNames.length, `dense names are distinct on the ${side} side`)
  return { slots, slotByName, idCount: start, denseNames, denseIndexByName }
}

function describe(layout: SideLayout): unknown {
  return [layout.slots.map((slot) => [slot.name, slot.width]), layout.denseNames]
}

/** Fresh rows share buffers of this many: an allocation of its own per row cost a sixth of the hydration of a page. */
const rowsPerSlabUsual = 32

/** Videos whose part is kept; beyond, parts are made anew as videos are met again. */
const partsMax = 50_000

/** What depends on the video alone, as the words of a row, kept with its facts. */
class VideoParts {
  private readonly features: readonly Feature[]
  private readonly layout: SideLayout
  private wordsByVideo = new WeakMap<VideoFacts, BigUint64Array>()
  private kept = 0

  constructor(layout: SideLayout, features: readonly Feature[]) {
    this.layout = layout
    this.features = features
  }

  of(context: QueryContext, video: VideoFacts): BigUint64Array {
    let words = this.wordsByVideo.get(video)
    if (words === undefined) {
      words = this.read(context, video)
      if (this.kept >= partsMax) {
        this.wordsByVideo = new WeakMap()
        this.kept = 0
      }
      this.wordsByVideo.set(video, words)
      this.kept++
    }
    return words
  }

  private read(context: QueryContext, video: VideoFacts): BigUint64Array {
    const writer = new RowWriter(this.layout, 1)
    const { ids } = writer.begin()
    for (const feature of this.features) feature.readEntry!(context, video, writer)
    return new BigUint64Array(ids.buffer)
  }
}

class RowWriter implements FeatureWriter {
  private readonly layout: SideLayout
  private readonly rowsPerSlab: number
  private slab = new BigUint64Array(0)
  private wordsUsed = 0
  private rowIds = new BigUint64Array(0)
  private rowDense = new Float32Array(0)

  constructor(layout: SideLayout, rowsPerSlab = rowsPerSlabUsual) {
    this.layout = layout
    this.rowsPerSlab = rowsPerSlab
  }

  /** A fresh row: empty, or with what a row of the same layout holds. */
  begin(words?: BigUint64Array): FeatureRow {
    const { idCount, denseNames } = this.layout
    const rowWords = idCount + Math.ceil(denseNames.length / 2)
    if (this.wordsUsed + rowWords > this.slab.length) {
      this.slab = new BigUint64Array(rowWords * this.rowsPerSlab)
      this.wordsUsed = 0
    }
    if (words) this.slab.set(words, this.wordsUsed)
    const start = this.wordsUsed * 8
    this.rowIds = new BigUint64Array(this.slab.buffer, start, idCount)
    this.rowDense = new Float32Array(this.slab.buffer, start + idCount * 8, denseNames.length)
    this.wordsUsed += rowWords
    return featureRow(this.rowIds, this.rowDense)
  }

  ids(slot: string, ids: readonly RowId[]): void {
    const place = this.layout.slotByName.get(slot)
    assert(place, `slot ${slot} is declared`)
    const count = Math.min(place.width, ids.length)
    for (let index = 0; index < count; index++) this.rowIds[place.start + index] = ids[index]!
  }

  id(slot: string, id: RowId): void {
    const place = this.layout.slotByName.get(slot)
    assert(place, `slot ${slot} is declared`)
    this.rowIds[place.start] = id
  }

  dense(name: string, value: number): void {
    const index = this.layout.denseIndexByName.get(name)
    assert(index !== undefined, `dense value ${name} is declared`)
    this.rowDense[index] = Number.isFinite(value) ? value : 0
  }

  denseFrom(firstName: string, values: Float32Array): void {
    const start = this.layout.denseIndexByName.get(firstName)
    assert(start !== undefined, `dense value ${firstName} is declared`)
    assert(start + values.length <= this.rowDense.length, `the values from ${firstName} on are declared`)
    for (let index = 0; index < values.length; index++) {
      const value = values[index]!
      this.rowDense[start + index] = Number.isFinite(value) ? value : 0
    }
  }
}
