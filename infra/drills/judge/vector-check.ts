// Whether every published video has the vector that its rows give: newest vectors of the log against an encoding made anew
// from the owners' rows and the tensors frozen at the newest generation.
import { decode } from '../../../schemas/codec.ts'
import type { Delta, GenerationReady } from '../../../schemas/generated.ts'
import { decodeDeltaRows } from '../../../schemas/layouts/delta-rows.ts'
import { decodeFloats } from '../../../schemas/layouts/floats.ts'
import { deltasOf, vectorsOf, videos } from '../../../schemas/topics.ts'
import type { FeatureSet } from '../../../streams/features/feature-set.ts'
import { EncoderCatalog } from '../../../trainers/item-encoder/encoder-catalog.ts'
import { generationKey } from '../../../trainers/item-encoder/generations.ts'
import { neutralQuery } from '../../../trainers/item-encoder/neutral-query.ts'
import { initialDense } from '../../../trainers/model/initial-parameters.ts'
import type { DenseParameter } from '../../../trainers/model/model.ts'
import { modelLayout } from '../../../trainers/model/model-layout.ts'
import type { ModelSpec } from '../../../trainers/model/model-spec.ts'
import { replica } from '../../../trainers/model/replica.ts'
import { towerEncoder } from '../../../trainers/model/tower-encoder.ts'
import { wasmTable } from '../../../trainers/table/wasm-table.ts'
import { type Finding, FindingBuilder } from './finding.ts'
import type { LogContents } from './log-reader.ts'

/** Records of two partitions have no common order: moments closer than this are not told apart. */
const apartMs = 400

interface TimedDelta {
  readonly delta: Delta
  readonly timestampMs: number
}

export function vectorCheck(contents: LogContents, spec: ModelSpec, features: FeatureSet): Finding {
  const found = new FindingBuilder(`every published video has its vector of ${spec.model}`)
  const catalog = new EncoderCatalog()
  for (const { value } of contents.of(videos, 0)) {
    const record = value && decode(value)
    if (record && record.type !== 'undecodable') catalog.fold(record as Parameters<EncoderCatalog['fold']>[0])
  }
  const ready = newestGeneration(contents, spec.model)
  if (!ready) {
    found.differs('no generation was ever ready')
    return found.finding()
  }
  const deltas = timedDeltas(contents, spec.model)
  const rows = replica(spec, wasmTable, { buckets: contents.partitions(deltasOf(spec.model)) })
  for (const { delta } of deltas) rows.apply(delta)
  const { frozen, frozenAtMs } = frozenDense(deltas, ready, spec, features)
  if (!frozen) found.differs(`generation ${ready.generation} was frozen from tensors that no delta holds`)
  const changedAtMs = newestChangeByRow(deltas, spec)
  const encoder = towerEncoder({ spec, featureSet: features, parameters: rows, ...(frozen ? { frozen } : {}) })
  const vectorByVideo = newestVectors(contents, spec.model, ready.generation)
  for (const videoId of catalog.videoIds) {
    found.compared++
    const vector = vectorByVideo.get(videoId)
    if (!vector) {
      found.lost++
      found.differs(`${videoId} has no vector of generation ${ready.generation}`)
      continue
    }
    const entry = features.readEntry(neutralQuery, catalog.facts(videoId)!)
    if (!isSettled(entry.ids, features, changedAtMs, frozenAtMs)) continue
    const expected = encoder.encodeEntries([entry])
    if (expected.some((value, axis) => !Object.is(value, vector[axis]))) {
      found.differs(`the vector of ${videoId} is not what its rows give under generation ${ready.generation}`)
    }
  }
  for (const videoId of vectorByVideo.keys()) {
    if (!catalog.facts(videoId)) found.differs(`${videoId} is not published and has a vector`)
  }
  return found.finding()
}

/** A vector follows its video's own row at once and other rows at the next generation only: it must be the present rows'
 *  where its own row changed last, or where nothing changed since the freeze. */
function isSettled(
  ids: BigUint64Array,
  features: FeatureSet,
  changedAtMs: ReadonlyMap<bigint, number>,
  frozenAtMs: number,
): boolean {
  const place = features.entry.slotByName.get('video')
  const own = place ? changedAtMs.get(ids[place.start]!) : undefined
  const others = [...ids].filter((_, index) => index !== place?.start).map((id) => changedAtMs.get(id) ?? 0)
  const newestOther = Math.max(0, ...others)
  if (own !== undefined && own > frozenAtMs && own > newestOther + apartMs) return true
  return Math.max(own ?? 0, newestOther) < frozenAtMs - apartMs
}

function newestGeneration(contents: LogContents, model: string): GenerationReady | null {
  let newest: GenerationReady | null = null
  for (const { key, value } of contents.of(vectorsOf(model), 0)) {
    const record = key === generationKey && value ? decode(value) : null
    if (record?.type === 'GenerationReady' && record.generation >= (newest?.generation ?? 0)) newest = record
  }
  return newest
}

function newestVectors(contents: LogContents, model: string, generation: number): Map<string, Float32Array> {
  const vectorByVideo = new Map<string, Float32Array>()
  for (const { value } of contents.of(vectorsOf(model), 0)) {
    const record = value && decode(value)
    if (record?.type !== 'ItemVector' || record.generation !== generation) continue
    if (record.vector.byteLength === 0) vectorByVideo.delete(record.videoId)
    else vectorByVideo.set(record.videoId, decodeFloats(record.vector).slice())
  }
  return vectorByVideo
}

/** Of all buckets, in the order of their log times. */
function timedDeltas(contents: LogContents, model: string): TimedDelta[] {
  const topic = deltasOf(model)
  const numbers = Array.from({ length: contents.partitions(topic) }, (_, partition) => partition)
  return numbers
    .flatMap((partition) =>
      contents.of(topic, partition).flatMap(({ value, timestampMs }) => {
        const delta = value && decode(value)
        return delta && delta.type === 'Delta' ? [{ delta, timestampMs }] : []
      }),
    )
    .sort((left, right) => left.timestampMs - right.timestampMs)
}

/** The tensors of both towers as they were when the generation's query tower was. */
function frozenDense(
  deltas: readonly TimedDelta[],
  ready: GenerationReady,
  spec: ModelSpec,
  features: FeatureSet,
): { frozen: Map<string, DenseParameter> | null; frozenAtMs: number } {
  const present = new Map(initialDense(spec, modelLayout(spec, features)))
  const fits = () =>
    ready.dense.every(({ name, values }) => {
      const held = present.get(name)!.values
      return Buffer.compare(new Uint8Array(held.buffer, held.byteOffset, held.byteLength), values) === 0
    })
  let frozen = fits() ? new Map(present) : null
  let frozenAtMs = 0
  for (const { delta, timestampMs } of deltas) {
    if (delta.dense.length === 0) continue
    for (const { name, shape, values } of delta.dense) {
      present.set(name, { name, shape, values: decodeFloats(values).slice() })
    }
    // Later deltas may leave the towers as they are: the freeze was at the first that fits, or after it.
    if (frozen || !fits()) continue
    frozen = new Map(present)
    frozenAtMs = timestampMs
  }
  return { frozen, frozenAtMs }
}

/** Log time of the newest delta that held a row of the towers' table. */
function newestChangeByRow(deltas: readonly TimedDelta[], spec: ModelSpec): Map<bigint, number> {
  const changedAtMs = new Map<bigint, number>()
  for (const { delta, timestampMs } of deltas) {
    for (const { table, rows, dimension, half } of delta.tables) {
      if (table !== spec.towers?.table) continue
      for (const id of decodeDeltaRows(rows, dimension, half).ids) changedAtMs.set(id, timestampMs)
    }
  }
  return changedAtMs
}
