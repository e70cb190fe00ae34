// How pulls travel. Little-endian; whatever does not fit is refused with `usage`, naming the field. Request: u32 magic "FPL1",
// u32 example partition, u32 part count, u32 zero; per part u32 bucket, u32 dimension, u32 id count, u32 name bytes, the
// table's name padded to 8, u64 ids[count]. Response: u32 magic "FPR1", u32 bucket count, u32 value count, u32 zero; per
// bucket u32 bucket, u32 zero, f64 mark; then f32 values of all parts in the order asked.

import { FreshetError } from '../../streams/runtime/errors.ts'
import type { RowPull } from './parameter-client.ts'

/** A request asks for no more rows than this, in no more parts. */
export const idsPerPullMax = 262_144
export const partsPerPullMax = 4_096
const nameBytesMax = 256

const requestMagic = 0x314c5046
const responseMagic = 0x31525046
const headerBytes = 16
const partHeaderBytes = 16
const markBytes = 16

export const pullMethodOf = (model: string): string => `pull.${model}`
export const densePullMethodOf = (model: string): string => `pull-dense.${model}`

/** What an owner needs to know of a pull. */
export interface PullPart {
  readonly bucket: number
  readonly table: string
  readonly dimension: number
  readonly ids: BigUint64Array
}

export interface PullRequest {
  readonly examplePartition: number
  readonly parts: readonly PullPart[]
}

/** Every row of `pulls`; `out` says the dimension. */
export function encodePullRequest(examplePartition: number, parts: readonly PullPart[]): Uint8Array {
  const names = parts.map(({ table }) => new TextEncoder().encode(table))
  const size = parts.reduce(
    (sum, { ids }, index) => sum + partHeaderBytes + padded(names[index]!.length) + ids.byteLength,
    headerBytes,
  )
  const out = new Uint8Array(size)
  const view = new DataView(out.buffer)
  for (const [index, value] of [requestMagic, examplePartition, parts.length].entries()) {
    view.setUint32(index * 4, value, true)
  }
  let byteOffset = headerBytes
  for (const [index, { bucket, dimension, ids }] of parts.entries()) {
    const name = names[index]!
    for (const [place, value] of [bucket, dimension, ids.length, name.length].entries()) {
      view.setUint32(byteOffset + place * 4, value, true)
    }
    byteOffset += partHeaderBytes
    out.set(name, byteOffset)
    byteOffset += padded(name.length)
    out.set(new Uint8Array(ids.buffer, ids.byteOffset, ids.byteLength), byteOffset)
    byteOffset += ids.byteLength
  }
  return out
}

/** Ids are views of `bytes` where these are 8-byte aligned, else of one copy. */
export function decodePullRequest(bytes: Uint8Array): PullRequest {
  const { buffer, byteOffset: start, byteLength } = bytes.byteOffset % 8 === 0 ? bytes : new Uint8Array(bytes)
  if (byteLength < headerBytes) refuse('request', `${byteLength} bytes have no header`)
  const view = new DataView(buffer, start, byteLength)
  if (view.getUint32(0, true) !== requestMagic) refuse('magic', 'not a pull, or of another version')
  const examplePartition = view.getUint32(4, true)
  const count = view.getUint32(8, true)
  if (count > partsPerPullMax) refuse('parts', `${count}, at most ${partsPerPullMax}`)
  const parts: PullPart[] = []
  let ids = 0
  let byteOffset = headerBytes
  for (let index = 0; index < count; index++) {
    if (byteOffset + partHeaderBytes > byteLength) refuse(`parts[${index}]`, 'cut off')
    const [bucket, dimension, rows, nameBytes] = [0, 4, 8, 12].map((at) => view.getUint32(byteOffset + at, true)) as [
      number,
      number,
      number,
      number,
    ]
    byteOffset += partHeaderBytes
    if (nameBytes > nameBytesMax) refuse(`parts[${index}].table`, `${nameBytes} bytes, at most ${nameBytesMax}`)
    ids += rows
    if (ids > idsPerPullMax) refuse(`parts[${index}].ids`, `${ids} in all, at most ${idsPerPullMax}`)
    if (byteOffset + padded(nameBytes) + rows * 8 > byteLength) refuse(`parts[${index}].ids`, 'cut off')
    const table = textOf(new Uint8Array(buffer, start + byteOffset, nameBytes), `parts[${index}].table`)
    byteOffset += padded(nameBytes)
    parts.push({ bucket, table, dimension, ids: new BigUint64Array(buffer, start + byteOffset, rows) })
    byteOffset += rows * 8
  }
  if (byteOffset !== byteLength) refuse('request', `${byteLength} bytes, expected ${byteOffset}`)
  return { examplePartition, parts }
}

export interface PullResponse {
  readonly bytes: Uint8Array
  /** Of all parts one after the other, a view of `bytes`: to be filled. */
  readonly values: Float32Array
}

/** A response with its marks, and room for the values. */
export function pullResponse(markByBucket: ReadonlyMap<number, number>, valueCount: number): PullResponse {
  const valuesStart = headerBytes + markByBucket.size * markBytes
  const bytes = new Uint8Array(valuesStart + valueCount * 4)
  const view = new DataView(bytes.buffer)
  for (const [index, value] of [responseMagic, markByBucket.size, valueCount].entries()) {
    view.setUint32(index * 4, value, true)
  }
  let byteOffset = headerBytes
  for (const [bucket, mark] of markByBucket) {
    view.setUint32(byteOffset, bucket, true)
    view.setFloat64(byteOffset + 8, mark, true)
    byteOffset += markBytes
  }
  return { bytes, values: new Float32Array(bytes.buffer, valuesStart, valueCount) }
}

/** Fills the `out` of the pulls that were asked, and gives the marks by bucket. Nothing is written where it is refused. */
export function readPullResponse(
  bytes: Uint8Array,
  pulls: readonly Pick<RowPull, 'bucket' | 'out'>[],
): Map<number, number> {
  if (bytes.byteLength < headerBytes) refuse('response', `${bytes.byteLength} bytes have no header`)
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  if (view.getUint32(0, true) !== responseMagic) refuse('magic', 'not the answer to a pull, or of another version')
  const markCount = view.getUint32(4, true)
  const valueCount = view.getUint32(8, true)
  const asked = pulls.reduce((sum, { out }) => sum + out.length, 0)
  if (valueCount !== asked) refuse('values', `${valueCount} came, ${asked} were asked`)
  const valuesStart = headerBytes + markCount * markBytes
  const expected = valuesStart + valueCount * 4
  if (bytes.byteLength !== expected) refuse('response', `${bytes.byteLength} bytes, expected ${expected}`)
  const markByBucket = new Map<number, number>()
  for (let byteOffset = headerBytes; byteOffset < valuesStart; byteOffset += markBytes) {
    const mark = view.getFloat64(byteOffset + 8, true)
    if (!Number.isSafeInteger(mark) || mark < 0) refuse('marks', `${mark} is no offset`)
    markByBucket.set(view.getUint32(byteOffset, true), mark)
  }
  for (const { bucket } of pulls) if (!markByBucket.has(bucket)) refuse('marks', `bucket ${bucket} has none`)
  let byteOffset = valuesStart
  for (const { out } of pulls) {
    const target = new Uint8Array(out.buffer, out.byteOffset, out.byteLength)
    target.set(bytes.subarray(byteOffset, byteOffset + out.byteLength))
    byteOffset += out.byteLength
  }
  return markByBucket
}

/** A message that is not what it should be: who sent it runs other code or another spec. */
export function refuse(field: string, reason: string): never {
  throw new FreshetError('usage', `pull: ${field}: ${reason}; both ends need one version and one model spec`, {
    details: { field },
  })
}

export function textOf(bytes: Uint8Array, field: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    return refuse(field, 'not UTF-8')
  }
}

function padded(bytes: number): number {
  return Math.ceil(bytes / 8) * 8
}
