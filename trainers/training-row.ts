// An example or a correction as the learner takes it: decoded, in the order of the heads, checked against the layout.
import type { Example, LabelCorrection } from '../schemas/generated.ts'
import { type RowId, rowId } from '../schemas/ids.ts'
import { headIndex, heads } from '../schemas/labels.ts'
import { decodeFeatureRow, type FeatureRow, RowMemory } from '../schemas/layouts/feature-row.ts'
import { decodeFloats } from '../schemas/layouts/floats.ts'
import type { ModelLayout } from './model/model-layout.ts'

export interface TrainingRow {
  readonly query: FeatureRow
  readonly entry: FeatureRow
  /** The similarity that was served; null where none was: the learner takes it from its towers. */
  readonly similarity: number | null
  /** By head, NaN where unknown. */
  readonly after: Float32Array
  /** What was learned of it before; NaN throughout for a first example. */
  readonly before: Float32Array
  readonly weight: number
  readonly eventTimeMs: number
  readonly videoId: RowId
  /** False for a correction: it is no further draw of the video. */
  readonly isFirst: boolean
}

export interface Rejected {
  readonly rejected: string
}

/** Feature rows by place. */
interface TrainingRowMemory {
  readonly query: RowMemory
  readonly entry: RowMemory
}

/** Reads the rows of a batch into memory that serves the next: a row is good until another is read for its place. */
export function rowsInPlace(
  layout: ModelLayout,
): (record: Example | LabelCorrection, place: number) => TrainingRow | Rejected {
  const memory = { query: new RowMemory(), entry: new RowMemory() }
  return (record, place) => trainingRow(record, layout, memory, place)
}

const nothing = new Float32Array(heads.length).fill(Number.NaN)

/** Features under another layout or of a wrong length, or numbers that are none, give the reason instead of a row. With
 *  `memory` the features are good until the next row at `place`. */
export function trainingRow(
  record: Example | LabelCorrection,
  layout: ModelLayout,
  memory?: TrainingRowMemory,
  place?: number,
): TrainingRow | Rejected {
  if (record.featureSet !== layout.featureSet) {
    return { rejected: `features of set ${record.featureSet}, this model takes ${layout.featureSet}` }
  }
  if (!(Number.isFinite(record.weight) && record.weight >= 0)) return { rejected: `weight ${record.weight}` }
  try {
    const query = decodeFeatureRow(record.queryFeatures, memory?.query, place)
    const entry = decodeFeatureRow(record.features, memory?.entry, place)
    checkLength('query ids', query.ids.length, layout.queryIds)
    checkLength('query values', query.dense.length, layout.queryDense)
    checkLength('entry ids', entry.ids.length, layout.entryIds)
    checkLength('entry values', entry.dense.length, layout.entryDense)
    if (!(allFinite(query.dense) && allFinite(entry.dense))) return { rejected: 'a dense value is not finite' }
    const { similarity } = record
    if (similarity !== null && !Number.isFinite(similarity)) return { rejected: `similarity ${similarity}` }
    const isFirst = record.type === 'Example'
    return {
      query,
      entry,
      similarity,
      after: labelsOf(isFirst ? record.labels : record.after, record.headNames),
      before: isFirst ? nothing : labelsOf(record.before, record.headNames),
      weight: record.weight,
      eventTimeMs: record.eventTimeMs,
      videoId: rowId('video', record.videoId),
      isFirst,
    }
  } catch (cause) {
    if (cause instanceof RangeError) return { rejected: cause.message }
    throw cause
  }
}

function labelsOf(bytes: Uint8Array, headNames: readonly string[]): Float32Array {
  const given = decodeFloats(bytes)
  checkLength('labels', given.length, headNames.length)
  const out = nothing.slice()
  for (let index = 0; index < headNames.length; index++) {
    const name = headNames[index]!
    const head = headIndex[name as keyof typeof headIndex]
    const label = given[index]!
    if (head === undefined) continue
    const most = head === headIndex.watchTime ? Number.MAX_VALUE : 1
    if (!Number.isNaN(label) && !(label >= 0 && label <= most)) throw new RangeError(`label ${name} is ${label}`)
    out[head] = label
  }
  return out
}

function checkLength(what: string, found: number, want: number): void {
  if (found !== want) throw new RangeError(`${found} ${what}, expected ${want}`)
}

function allFinite(values: Float32Array): boolean {
  for (let index = 0; index < values.length; index++) if (!Number.isFinite(values[index]!)) return false
  return true
}
