// Named byte sections in one buffer: how snapshots and the states of trainers are laid out. Little-endian: "FRSC", u32
// format, u32 header length, u32 zero, a JSON header (facts; name and length of each section), then the sections, each at
// a multiple of 8. Equal facts and sections give equal bytes.

import { assert } from '../../streams/runtime/errors.ts'

const magic = 0x43535246
const format = 1
const headerStart = 16

export type Facts = Readonly<Record<string, unknown>>

export interface Sections {
  readonly facts: Facts
  readonly sectionByName: ReadonlyMap<string, Uint8Array>
}

/** Bytes that are made part by part, of a length known before the first. May itself be a section. */
export interface ByteStream {
  readonly byteLength: number
  /** Together `byteLength` bytes; each good until the next is taken. */
  parts(): Iterable<Uint8Array>
}

export type Section = ArrayBufferView | ByteStream

/** `facts` must be plain JSON; its keys keep the order they are given in. */
export function encodeSections(facts: Facts, sections: ReadonlyMap<string, Section>): Uint8Array {
  return joined(streamSections(facts, sections))
}

/** The bytes of encodeSections, made while they are taken: nothing behind the sections may change meanwhile. */
export function streamSections(facts: Facts, sections: ReadonlyMap<string, Section>): ByteStream {
  const lengths = [...sections].map(([name, { byteLength }]) => [name, byteLength] as const)
  const header = new TextEncoder().encode(JSON.stringify({ facts, sections: lengths }))
  const start = aligned(headerStart + header.byteLength)
  return {
    byteLength: lengths.reduce((end, [, byteLength]) => aligned(end + byteLength), start),
    *parts() {
      const head = new Uint8Array(start)
      const view = new DataView(head.buffer)
      view.setUint32(0, magic, true)
      view.setUint32(4, format, true)
      view.setUint32(8, header.byteLength, true)
      head.set(header, headerStart)
      yield head
      for (const [name, section] of sections) {
        let left = section.byteLength
        for (const part of partsOf(section)) {
          left -= part.byteLength
          yield part
        }
        assert(left === 0, `section ${name} gave ${section.byteLength - left} bytes of ${section.byteLength}`)
        const padding = aligned(section.byteLength) - section.byteLength
        if (padding > 0) yield new Uint8Array(padding)
      }
    },
  }
}

/** All parts in one buffer. */
export function joined(stream: ByteStream): Uint8Array {
  const out = new Uint8Array(stream.byteLength)
  let byteOffset = 0
  for (const part of stream.parts()) {
    out.set(part, byteOffset)
    byteOffset += part.byteLength
  }
  return out
}

/** Sections are views of `bytes` (of one copy where it is not 8-byte aligned). Throws RangeError on anything else. */
export function decodeSections(bytes: Uint8Array): Sections {
  const { buffer, byteOffset: first, byteLength } = bytes.byteOffset % 8 === 0 ? bytes : new Uint8Array(bytes)
  // Never a Buffer, whose `slice` is no copy.
  const whole = new Uint8Array(buffer, first, byteLength)
  if (whole.byteLength < headerStart) throw new RangeError(`sections of ${whole.byteLength} bytes have no header`)
  const view = new DataView(whole.buffer, whole.byteOffset, headerStart)
  if (view.getUint32(0, true) !== magic || view.getUint32(4, true) !== format) {
    throw new RangeError('not a buffer of named sections, or of another format')
  }
  const headerBytes = view.getUint32(8, true)
  if (headerStart + headerBytes > whole.byteLength) throw new RangeError('sections end within their header')
  const header = parse(whole.subarray(headerStart, headerStart + headerBytes))
  const sectionByName = new Map<string, Uint8Array>()
  let byteOffset = aligned(headerStart + headerBytes)
  for (const [name, length] of header.sections) {
    if (byteOffset + length > whole.byteLength) throw new RangeError(`section ${name} is cut off`)
    sectionByName.set(name, whole.subarray(byteOffset, byteOffset + length))
    byteOffset = aligned(byteOffset + length)
  }
  if (byteOffset !== whole.byteLength)
    throw new RangeError(`${whole.byteLength} bytes of sections, expected ${byteOffset}`)
  return { facts: header.facts, sectionByName }
}

/** Throws RangeError where the section is missing. */
export function sectionOf(sections: Sections, name: string): Uint8Array {
  const section = sections.sectionByName.get(name)
  if (!section) throw new RangeError(`section ${name} is missing`)
  return section
}

interface Header {
  readonly facts: Facts
  readonly sections: readonly (readonly [string, number])[]
}

function parse(bytes: Uint8Array): Header {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes)) as Header
  } catch (cause) {
    throw new RangeError('the header of the sections is not JSON', { cause })
  }
}

function partsOf(section: Section): Iterable<Uint8Array> {
  if (!ArrayBuffer.isView(section)) return section.parts()
  return [new Uint8Array(section.buffer, section.byteOffset, section.byteLength)]
}

function aligned(byteOffset: number): number {
  return Math.ceil(byteOffset / 8) * 8
}
