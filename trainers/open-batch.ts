// The batch that is being gathered: the records that were accepted since the last one closed, and which offsets they span.
// Where a batch begins and ends is a function of the records alone, so a trainer that starts again closes the same ones.
import { decode, encode } from '../schemas/codec.ts'
import type { AnyRecord, Example, LabelCorrection } from '../schemas/generated.ts'
import type { Recorded } from '../streams/processor/processor.ts'
import type { Rejected } from './training-row.ts'

export type TrainingRecord = Example | LabelCorrection

/** Records and what was read of them, from the first's offset to past the last's. */
export interface ClosedBatch<Row> {
  readonly records: readonly TrainingRecord[]
  readonly rows: readonly Row[]
  readonly fromOffset: number
  readonly toOffset: number
}

/** Plain JSON beside the records' bytes. */
export interface OpenBatchFacts {
  /** Bytes of each record. */
  readonly pending: readonly number[]
  readonly fromOffset: number
  readonly toOffset: number
}

type AnyDecoded = AnyRecord | { readonly type: 'undecodable'; readonly reason: string }

export class OpenBatch<Row extends object> {
  readonly #read: (record: TrainingRecord, place: number) => Row | Rejected
  #records: TrainingRecord[] = []
  #rows: Row[] = []
  #fromOffset = 0
  #toOffset = 0

  /** `read` gives the reason where a record does not fit. What it gives stands at `place`, and another may stand there as soon
   *  as the batch after this one begins. */
  constructor(read: (record: TrainingRecord, place: number) => Row | Rejected) {
    this.#read = read
  }

  get size(): number {
    return this.#rows.length
  }

  /** Takes an example or a correction; gives the reason where it is none or does not fit. */
  add({ record, offset }: Recorded): Rejected | null {
    const rejection = this.#append(record)
    if (rejection) return rejection
    if (this.#rows.length === 1) this.#fromOffset = offset
    this.#toOffset = offset + 1
    return null
  }

  /** null where nothing is pending. */
  close(): ClosedBatch<Row> | null {
    if (this.#rows.length === 0) return null
    const batch = { records: this.#records, rows: this.#rows, fromOffset: this.#fromOffset, toOffset: this.#toOffset }
    this.#records = []
    this.#rows = []
    this.#fromOffset = 0
    this.#toOffset = 0
    return batch
  }

  dump(): { readonly facts: OpenBatchFacts; readonly bytes: Uint8Array } {
    const records = this.#records.map((record) => encode(record))
    const pending = records.map((bytes) => bytes.byteLength)
    const facts = { pending, fromOffset: this.#fromOffset, toOffset: this.#toOffset }
    return { facts, bytes: Buffer.concat(records) }
  }

  /** Throws RangeError on records that do not fit here. */
  load({ pending, fromOffset, toOffset }: OpenBatchFacts, bytes: Uint8Array): void {
    this.#records = []
    this.#rows = []
    let byteOffset = 0
    for (const length of pending) {
      const rejection = this.#append(decode(bytes.slice(byteOffset, byteOffset + length)))
      if (rejection) throw new RangeError(`a pending record does not fit: ${rejection.rejected}`)
      byteOffset += length
    }
    this.#fromOffset = fromOffset
    this.#toOffset = toOffset
  }

  #append(record: AnyDecoded): Rejected | null {
    if (record.type !== 'Example' && record.type !== 'LabelCorrection') {
      return { rejected: `a ${record.type} is no example` }
    }
    const row = this.#read(record, this.#rows.length)
    if ('rejected' in row) return row
    this.#records.push(record)
    this.#rows.push(row)
    return null
  }
}
