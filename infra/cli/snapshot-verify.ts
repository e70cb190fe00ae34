// Proves a snapshot by folding it anew: an older one, or nothing where the log goes back to its first record, and the log up
// to where the newer one was taken give the newer one's bytes, or something changed what no event explains.
import { decode } from '../../schemas/codec.ts'
import type { ModelRolledBack } from '../../schemas/generated.ts'
import { type Log, type LogRecord, type Offset, offsetOf, type SourcePosition } from '../../streams/log/log.ts'
import { type Checkpoint, decodeCheckpoint, listCheckpoints } from '../../streams/processor/checkpoint.ts'
import type { Processor } from '../../streams/processor/processor.ts'
import { isRepeat } from '../../streams/processor/source-position.ts'
import type { BlobStore } from '../../streams/stores/blob-store.ts'
import { ownedStateOf } from '../../trainers/parameter-server/owned-bucket.ts'
import { rollbacksOf } from '../../trainers/parameter-server/rollbacks.ts'
import type { ParameterFold } from '../processes/parameter-folds.ts'
import { bytesOf } from './snapshot-list.ts'

export interface VerifiedSnapshot {
  readonly model: string
  readonly bucket: number
  readonly blob: string
  /** What the fold began from; null: the first record of the log. */
  readonly from: string | null
  readonly fromOffset: number
  readonly toOffset: number
  readonly records: number
  /** null: it could not be folded anew; `reason` says why. */
  readonly bytesEqual: boolean | null
  readonly reason?: string
}

interface Stored {
  readonly blob: string
  /** null: damaged. */
  readonly checkpoint: Checkpoint | null
}

/** Where a fold may begin. */
interface Beginning {
  readonly blob: string | null
  readonly next: Offset
  readonly inputSource: SourcePosition | null
  readonly processor: Processor
}

const recordsPerRead = 2_000
const waitMsMax = 2_000

/** Every snapshot of the bucket that there is, each from the one before it. */
export async function verifyFold(
  fold: ParameterFold,
  log: Log,
  blobs: BlobStore,
  rolledBack: readonly ModelRolledBack[],
): Promise<VerifiedSnapshot[]> {
  const stored: Stored[] = []
  for (const blob of await listCheckpoints(blobs, fold.owner)) {
    const bytes = await bytesOf(blobs, blob)
    if (bytes !== null) stored.push({ blob, checkpoint: wholeCheckpoint(fold, bytes) })
  }
  const rows: VerifiedSnapshot[] = []
  for (const [index, { blob, checkpoint }] of stored.entries()) {
    const shown = { model: fold.model, bucket: fold.bucket, blob }
    if (checkpoint === null) {
      rows.push({ ...shown, ...unproven('its bytes do not have their checksum', -1), bytesEqual: false })
      continue
    }
    const older = stored.slice(0, index).reverse()
    rows.push({ ...shown, ...(await proven(fold, log, checkpoint, older, rolledBack)) })
  }
  return rows
}

type Outcome = Omit<VerifiedSnapshot, 'model' | 'bucket' | 'blob'>

function unproven(reason: string, toOffset: number): Outcome {
  return { from: null, fromOffset: -1, toOffset, records: 0, bytesEqual: null, reason }
}

async function proven(
  fold: ParameterFold,
  log: Log,
  checkpoint: Checkpoint,
  older: readonly Stored[],
  rolledBack: readonly ModelRolledBack[],
): Promise<Outcome> {
  const { next, state } = checkpoint
  const { topic, partition } = fold.input
  // Those that its owner knew of: what was undone later is still in it.
  const known = new Set(ownedStateOf(state).rollbacks)
  const rollbacks = rollbacksOf(rolledBack, fold.model, topic, partition).filter(({ eventId }) => known.has(eventId))
  const { earliest } = await log.bounds(fold.input)
  const begin = beginningOf(() => fold.make({ rollbacks }), older, earliest)
  if (begin === null) return unproven(`no older snapshot fits and the log begins at ${earliest}`, next)
  const records = await foldUpTo(begin, fold, log, next)
  const bytesEqual = Buffer.compare(begin.processor.dump(), state) === 0
  return { from: begin.blob, fromOffset: begin.next, toOffset: next, records, bytesEqual }
}

function beginningOf(make: () => Processor, older: readonly Stored[], earliest: Offset): Beginning | null {
  for (const { blob, checkpoint } of older) {
    if (checkpoint === null || checkpoint.next < earliest) continue
    const processor = make()
    try {
      processor.load(checkpoint.state)
      return { blob, next: checkpoint.next, inputSource: checkpoint.inputSource, processor }
    } catch (error) {
      // It holds what was undone before the newer one was taken.
      if (!(error instanceof RangeError)) throw error
    }
  }
  if (earliest > 0) return null
  return { blob: null, next: offsetOf(0), inputSource: null, processor: make() }
}

/** As the runner of the owner does; outputs go nowhere. */
async function foldUpTo(begin: Beginning, fold: ParameterFold, log: Log, end: Offset): Promise<number> {
  const { processor } = begin
  let newest = begin.inputSource
  let folded = 0
  const reader = await log.openReader({ ...fold.input, from: begin.next })
  try {
    while (reader.position < end) {
      const records = await reader.next({ recordsMax: recordsPerRead, waitMsMax })
      if (records.length === 0) break
      for (const record of records) {
        if (record.offset >= end) return folded
        if (record.source && !fold.sharedInput) {
          if (isRepeat(record.source, newest)) continue
          newest = record.source
        }
        await step(processor, record)
        folded++
      }
    }
    return folded
  } finally {
    await reader.close()
  }
}

async function step(processor: Processor, { value, ...position }: LogRecord): Promise<void> {
  if (value === null) return
  const record = decode(value)
  if (record.type === 'undecodable') return
  await processor.step({ ...position, record }, { emit() {}, reject() {} })
}

function wholeCheckpoint({ owner }: ParameterFold, bytes: Uint8Array): Checkpoint | null {
  try {
    return decodeCheckpoint(owner, bytes)
  } catch (error) {
    if (error instanceof RangeError) return null
    throw error
  }
}
