// What a processor makes of a topic when nothing ever disturbs it, and how the log and the checkpoints of an engine that
// was disturbed differ from that: not in a byte, if its promises hold.
import { decode, encode } from '../../schemas/codec.ts'
import { type Log, type LogRecord, type Offset, partitionOf } from '../../streams/log/log.ts'
import { type Checkpoint, newestCheckpoint } from '../../streams/processor/checkpoint.ts'
import { allRecords } from '../../streams/processor/crash-world.ts'
import type { Processor, Recorded } from '../../streams/processor/processor.ts'
import type { BlobStore } from '../../streams/stores/blob-store.ts'

/** One mover: a group that folds the only partition of a topic, and what it alone writes. */
export interface Mover {
  readonly group: string
  readonly input: string
  readonly output: string
  readonly processor: Processor
  /** Told of each record that was folded, with how many outputs it caused. */
  readonly onStep?: (outputs: number) => void
}

/** What an engine left behind for a mover: the whole topics and the newest checkpoint. */
export interface Remains {
  readonly inputs: readonly LogRecord[]
  readonly outputs: readonly LogRecord[]
  readonly checkpoint: Checkpoint
}

export interface Fold {
  readonly outputs: readonly Folded[]
  readonly rejections: readonly string[]
  readonly state: Uint8Array
}

type Folded = Pick<LogRecord, 'key' | 'value' | 'timestampMs' | 'source'>

/** Reads what a clean stop left. Throws where the mover never checkpointed. */
export async function remainsOf(mover: Mover, log: Log, blobs: BlobStore): Promise<Remains> {
  const { group, input, output, processor } = mover
  const owner = { group, processor: processor.name, topic: input, partition: partitionOf(0) }
  const checkpoint = await newestCheckpoint(blobs, owner, () => {})
  if (checkpoint === null) throw new Error(`${group} left no checkpoint`)
  return { inputs: await allRecords(log, input), outputs: await allRecords(log, output), checkpoint }
}

/** Folds the inputs before `next`, from the first, in a processor that nobody used. */
export function undisturbedFold(mover: Mover, inputs: readonly LogRecord[], next: Offset): Fold {
  const { processor, onStep } = mover
  const outputs: Folded[] = []
  const rejections: string[] = []
  for (const { value, ...position } of inputs) {
    if (position.offset >= next) break
    const record = decode(value!)
    if (record.type === 'undecodable') throw new Error(`${mover.input} ${position.offset}: ${record.reason}`)
    const before = outputs.length
    processor.step({ ...position, record } satisfies Recorded, {
      emit(topic, key, emitted) {
        if (topic !== mover.output) throw new Error(`${mover.group} writes to ${topic}`)
        const source = { offset: position.offset, ordinal: outputs.length - before }
        outputs.push({ key, value: emitted && encode(emitted), timestampMs: position.timestampMs, source })
      },
      reject: (reason) => rejections.push(`${mover.input} ${position.offset}: ${reason}`),
    })
    onStep?.(outputs.length - before)
  }
  return { outputs, rejections, state: processor.dump() }
}

/** Every way in which what was left differs from the fold, in words; empty where it does not. */
export function differences(mover: Mover, { inputs, outputs, checkpoint }: Remains, fold: Fold): string[] {
  const found = fold.rejections.map((reason) => `${mover.group} rejects ${reason}`)
  for (const [index, { offset }] of inputs.entries()) {
    if (offset === index) continue
    found.push(`${mover.input} has offset ${offset} as its record ${index}`)
    break
  }
  if (checkpoint.next > inputs.length) found.push(`${mover.group} read to ${checkpoint.next} of ${inputs.length}`)
  if (outputs.length !== fold.outputs.length) {
    found.push(`${mover.output} holds ${outputs.length} records, the fold gives ${fold.outputs.length}`)
  }
  const unlike = fold.outputs.findIndex((folded, index) => outputs[index] && !isSame(outputs[index], folded))
  if (unlike >= 0) {
    const { key, value, timestampMs, source } = outputs[unlike]!
    const wanted = fold.outputs[unlike]!
    found.push(
      `${mover.output} ${unlike} is ${JSON.stringify({ key, timestampMs, source, bytes: value?.byteLength })}, the fold gives ` +
        JSON.stringify({ ...wanted, value: undefined, bytes: wanted.value?.byteLength }),
    )
  }
  if (!isSameBytes(checkpoint.state, fold.state)) {
    found.push(`the state of ${mover.group} at ${checkpoint.next} is not the fold's`)
  }
  return found
}

function isSame(left: Folded, right: Folded): boolean {
  return (
    left.key === right.key &&
    left.timestampMs === right.timestampMs &&
    left.source?.offset === right.source?.offset &&
    left.source?.ordinal === right.source?.ordinal &&
    isSameBytes(left.value, right.value)
  )
}

export function isSameBytes(left: Uint8Array | null, right: Uint8Array | null): boolean {
  if (left === null || right === null) return left === right
  return Buffer.compare(left, right) === 0
}

/** Event ids of a topic that are there more than once. */
export function repeatedEventIds(records: readonly LogRecord[]): string[] {
  return [...countByEventId(records)].filter(([, count]) => count > 1).map(([eventId]) => eventId)
}

/** What was promised to be in a topic and is not. */
export function missingEventIds(promised: Iterable<string>, records: readonly LogRecord[]): string[] {
  const counts = countByEventId(records)
  return [...promised].filter((eventId) => !counts.has(eventId))
}

function countByEventId(records: readonly LogRecord[]): Map<string, number> {
  const counts = new Map<string, number>()
  for (const { value } of records) {
    const { eventId } = decode(value!) as { readonly eventId?: string }
    if (eventId !== undefined) counts.set(eventId, (counts.get(eventId) ?? 0) + 1)
  }
  return counts
}
