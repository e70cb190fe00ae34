// What a run predicted, appended while it goes and cut back to its checkpoint where it starts again: frames of named
// sections, each under its length. Whatever is said of a run is computed from its journal and its weights alone.
import { type FileHandle, open } from 'node:fs/promises'
import type { Example, LabelCorrection } from '../../../schemas/generated.ts'
import { heads } from '../../../schemas/labels.ts'
import { decodeFloats } from '../../../schemas/layouts/floats.ts'
import { decodeSections, encodeSections, sectionOf } from '../../../trainers/model/sections.ts'

/** Rows predicted with the same weights, before they were learned. */
export interface PredictedRows {
  readonly kind: 'rows'
  readonly exampleIds: readonly string[]
  readonly userIds: readonly string[]
  readonly videoIds: readonly string[]
  readonly requestIds: readonly string[]
  readonly impressionTimesMs: Float64Array
  readonly eventTimesMs: Float64Array
  /** rows x heads: chances, and seconds of watchTime. */
  readonly predictions: Float32Array
  /** rows x heads as they were first known: NaN where unknown, watchTime as log1p(seconds). */
  readonly labels: Float32Array
}

/** Labels of examples that changed after they were given. */
export interface CorrectedRows {
  readonly kind: 'corrections'
  readonly exampleIds: readonly string[]
  readonly labels: Float32Array
}

/** Rows predicted once as they are and once for each feature with that feature's values exchanged among them. */
export interface PermutedRows {
  readonly kind: 'permuted'
  readonly features: readonly string[]
  readonly userIds: readonly string[]
  readonly labels: Float32Array
  /** rows x heads as they are, then as much for each feature. */
  readonly predictions: Float32Array
}

export type JournalFrame = PredictedRows | CorrectedRows | PermutedRows

const lengthBytes = 4

export class RunJournal {
  readonly #file: FileHandle
  #bytes: number

  private constructor(file: FileHandle, bytes: number) {
    this.#file = file
    this.#bytes = bytes
  }

  /** Opens or makes the file and keeps its first `bytes`. */
  static async open(path: string, bytes: number): Promise<RunJournal> {
    const file = await open(path, bytes === 0 ? 'w+' : 'r+')
    await file.truncate(bytes)
    return new RunJournal(file, bytes)
  }

  /** All of a journal that is there. */
  static async reopen(path: string): Promise<RunJournal> {
    const file = await open(path, 'r')
    return new RunJournal(file, (await file.stat()).size)
  }

  get bytes(): number {
    return this.#bytes
  }

  async append(frame: JournalFrame): Promise<void> {
    const body = encodeFrame(frame)
    const length = Buffer.alloc(lengthBytes)
    length.writeUInt32LE(body.byteLength)
    await this.#file.writev([length, body], this.#bytes)
    this.#bytes += lengthBytes + body.byteLength
  }

  /** Resolves when everything appended is durable. */
  async sync(): Promise<void> {
    await this.#file.sync()
  }

  async *frames(): AsyncGenerator<JournalFrame> {
    let at = 0
    while (at < this.#bytes) {
      const length = (await this.#read(at, lengthBytes)).readUInt32LE(0)
      yield decodeFrame(await this.#read(at + lengthBytes, length))
      at += lengthBytes + length
    }
  }

  async close(): Promise<void> {
    await this.#file.close()
  }

  async #read(position: number, length: number): Promise<Buffer> {
    const bytes = Buffer.from(new ArrayBuffer(length))
    await this.#file.read(bytes, 0, length, position)
    return bytes
  }
}

function encodeFrame(frame: JournalFrame): Uint8Array {
  const entries = Object.entries(frame)
  const facts = Object.fromEntries(entries.filter(([, value]) => !ArrayBuffer.isView(value)))
  const arrays = entries.filter((entry): entry is [string, Float32Array | Float64Array] => ArrayBuffer.isView(entry[1]))
  return encodeSections(facts, new Map(arrays))
}

function decodeFrame(bytes: Uint8Array): JournalFrame {
  const sections = decodeSections(bytes)
  const arrays = [...sections.sectionByName.keys()].map((name) => {
    const { buffer, byteOffset, byteLength } = sectionOf(sections, name)
    const array = name.endsWith('TimesMs')
      ? new Float64Array(buffer, byteOffset, byteLength / 8)
      : new Float32Array(buffer, byteOffset, byteLength / 4)
    return [name, array] as const
  })
  return { ...sections.facts, ...Object.fromEntries(arrays) } as unknown as JournalFrame
}

/** `predictions` of each record, in the order of the heads. */
export function predictedRows(records: readonly Example[], predictions: readonly Float32Array[]): PredictedRows {
  return {
    kind: 'rows',
    exampleIds: records.map(({ exampleId }) => exampleId),
    userIds: records.map(({ userId }) => userId),
    videoIds: records.map(({ videoId }) => videoId),
    requestIds: records.map(({ requestId }) => requestId),
    impressionTimesMs: Float64Array.from(records, ({ impressionTimeMs }) => impressionTimeMs),
    eventTimesMs: Float64Array.from(records, ({ eventTimeMs }) => eventTimeMs),
    predictions: rowsOf(predictions),
    labels: labelRows(records),
  }
}

export function correctedRows(records: readonly LabelCorrection[]): CorrectedRows {
  const labels = rowsOf(records.map(({ after, headNames }) => labelsInOrder(after, headNames)))
  return { kind: 'corrections', exampleIds: records.map(({ exampleId }) => exampleId), labels }
}

export function labelRows(records: readonly Example[]): Float32Array {
  return rowsOf(records.map(({ labels, headNames }) => labelsInOrder(labels, headNames)))
}

/** One after the other. */
export function rowsOf(rows: readonly Float32Array[]): Float32Array {
  const out = new Float32Array(rows.length * heads.length)
  for (const [index, row] of rows.entries()) out.set(row, index * heads.length)
  return out
}

/** In the order of the heads, NaN where the record has none. */
function labelsInOrder(bytes: Uint8Array, headNames: readonly string[]): Float32Array {
  const labels = decodeFloats(bytes)
  return Float32Array.from(heads, (head) => labels[headNames.indexOf(head)] ?? Number.NaN)
}
