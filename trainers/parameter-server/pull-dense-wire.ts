// How dense tensors travel to who pulls them. Request, little-endian: u32 magic "FPD1", u32 bucket, u32 example partition, u32
// zero, f64 known version. Response: named sections, the facts {version, mark, shapes} and a section of float32 values per
// tensor; version null: nothing newer. Whatever does not fit is refused with `usage`, naming the field.

import type { DenseParameter } from '../model/model.ts'
import { decodeSections, encodeSections, type Sections } from '../model/sections.ts'
import { refuse } from './pull-wire.ts'

const magic = 0x31445046
const requestBytes = 24

export interface DensePullRequest {
  readonly bucket: number
  readonly examplePartition: number
  readonly knownVersion: number
}

export interface DensePullResponse {
  /** End of the newest range of the example partition that was folded. */
  readonly mark: number
  /** Null: the owner has nothing newer. */
  readonly newer: { readonly version: number; readonly dense: ReadonlyMap<string, DenseParameter> } | null
}

export function encodeDensePullRequest({ bucket, examplePartition, knownVersion }: DensePullRequest): Uint8Array {
  const out = new Uint8Array(requestBytes)
  const view = new DataView(out.buffer)
  view.setUint32(0, magic, true)
  view.setUint32(4, bucket, true)
  view.setUint32(8, examplePartition, true)
  view.setFloat64(16, knownVersion, true)
  return out
}

export function decodeDensePullRequest(bytes: Uint8Array): DensePullRequest {
  if (bytes.byteLength !== requestBytes) refuse('request', `${bytes.byteLength} bytes, expected ${requestBytes}`)
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  if (view.getUint32(0, true) !== magic) refuse('magic', 'not a pull of dense tensors, or of another version')
  const knownVersion = view.getFloat64(16, true)
  if (!Number.isFinite(knownVersion)) refuse('knownVersion', `${knownVersion} is no version`)
  return { bucket: view.getUint32(4, true), examplePartition: view.getUint32(8, true), knownVersion }
}

/** Copies the values: the owner may go on learning. */
export function encodeDensePullResponse({ mark, newer }: DensePullResponse): Uint8Array {
  const tensors = [...(newer?.dense.values() ?? [])]
  const shapes = tensors.map(({ name, shape }) => [name, shape])
  const sections = new Map(tensors.map(({ name, values }) => [name, values]))
  return encodeSections({ version: newer?.version ?? null, mark, shapes }, sections)
}

/** Values are views of `bytes` where these are 8-byte aligned, else of one copy. */
export function decodeDensePullResponse(bytes: Uint8Array): DensePullResponse {
  const { facts, sectionByName } = sectionsOf(bytes)
  if (typeof facts !== 'object' || facts === null) refuse('facts', 'missing')
  const { version, mark, shapes } = facts
  if (!isOffset(mark)) refuse('mark', `${JSON.stringify(mark)} is no offset`)
  if (version === null) return { mark, newer: null }
  if (!isOffset(version)) refuse('version', `${JSON.stringify(version)} is no version`)
  if (!Array.isArray(shapes)) refuse('shapes', 'no list')
  const dense = new Map<string, DenseParameter>()
  for (const [index, entry] of (shapes as unknown[]).entries()) {
    const [name, shape] = Array.isArray(entry) ? (entry as unknown[]) : []
    if (typeof name !== 'string' || !isShape(shape)) return refuse(`shapes[${index}]`, 'no name and shape')
    const section = sectionByName.get(name)
    const elements = shape.reduce((product, size) => product * size, 1)
    if (section?.byteLength !== elements * 4) return refuse(name, `${section?.byteLength} bytes for shape ${shape}`)
    if (section.byteOffset % 4 !== 0) return refuse(name, 'not aligned')
    dense.set(name, { name, shape, values: new Float32Array(section.buffer, section.byteOffset, elements) })
  }
  return { mark, newer: { version, dense } }
}

function sectionsOf(bytes: Uint8Array): Sections {
  try {
    return decodeSections(bytes)
  } catch (error) {
    return refuse('response', (error as Error).message)
  }
}

function isOffset(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0
}

function isShape(value: unknown): value is number[] {
  return Array.isArray(value) && value.every(isOffset)
}
