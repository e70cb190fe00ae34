// Resume points of a processor in the blob store: its state, the next input offset, and how far its outputs had come,
// under one checksum. The newest that is whole counts; two are kept, so one that rots costs a longer replay, not the state.
import { checksum } from '../../schemas/ids.ts'
import { type Offset, offsetOf, partitionOf, type SourcePosition, type TopicPartition } from '../log/log.ts'
import { FreshetError } from '../runtime/errors.ts'
import type { BlobStore } from '../stores/blob-store.ts'
import { StateReader, StateWriter } from './state-bytes.ts'

/** Source position of the newest output of an output partition. */
export interface OutputPosition extends TopicPartition {
  readonly source: SourcePosition
}

export interface Checkpoint {
  /** Next input offset; everything before it is in `state`, and its outputs are durable. */
  readonly next: Offset
  /** Newest source position read from the input; null: its records carry none. */
  readonly inputSource: SourcePosition | null
  readonly outputs: readonly OutputPosition[]
  readonly state: Uint8Array
}

/** Who a checkpoint belongs to. */
export interface CheckpointOwner extends TopicPartition {
  readonly group: string
  readonly processor: string
}

const magic = 'freshet checkpoint 1'
export const checkpointsKept = 2

/** Layout: magic, checksum of the rest, owner, next, input source, outputs, state. */
export function encodeCheckpoint(owner: CheckpointOwner, checkpoint: Checkpoint): Uint8Array {
  const body = new StateWriter(checkpoint.state.byteLength + 1_024)
  body.text(owner.group)
  body.text(owner.processor)
  body.text(owner.topic)
  body.u32(owner.partition)
  body.f64(checkpoint.next)
  writeSource(checkpoint.inputSource, body)
  body.u32(checkpoint.outputs.length)
  for (const output of checkpoint.outputs) {
    body.text(output.topic)
    body.u32(output.partition)
    writeSource(output.source, body)
  }
  body.bytes(checkpoint.state)
  const bytes = body.finish()
  const out = new StateWriter(bytes.byteLength + 64)
  out.text(magic)
  out.text(checksum(bytes))
  out.bytes(bytes)
  return out.finish()
}

/** null where the bytes are not a whole checkpoint of this owner. The state is a view of them. */
export function decodeCheckpoint(owner: CheckpointOwner, bytes: Uint8Array): Checkpoint | null {
  try {
    const envelope = new StateReader(bytes)
    if (envelope.text() !== magic) return null
    const sum = envelope.text()
    const body = envelope.bytes()
    if (!envelope.atEnd || checksum(body) !== sum) return null
    return readBody(owner, new StateReader(body))
  } catch (error) {
    if (error instanceof RangeError) return null
    throw error
  }
}

function readBody(owner: CheckpointOwner, source: StateReader): Checkpoint | null {
  const named = [source.text(), source.text(), source.text(), source.u32()]
  if (named.join('\n') !== [owner.group, owner.processor, owner.topic, owner.partition].join('\n')) return null
  const next = offsetOf(source.f64())
  const inputSource = readSource(source)
  const outputs: OutputPosition[] = []
  for (let count = source.u32(); count > 0; count--) {
    outputs.push({ topic: source.text(), partition: partitionOf(source.u32()), source: readSource(source)! })
  }
  return { next, inputSource, outputs, state: source.bytes() }
}

function writeSource(position: SourcePosition | null, out: StateWriter): void {
  out.f64(position?.offset ?? -1)
  out.f64(position?.ordinal ?? -1)
}

function readSource(source: StateReader): SourcePosition | null {
  const offset = source.f64()
  const ordinal = source.f64()
  return offset < 0 ? null : { offset: offsetOf(offset), ordinal }
}

function folderOf({ group, topic, partition }: CheckpointOwner): string {
  return `checkpoints/${group}/${topic}/${partition}/`
}

/** `checkpoints/<group>/<topic>/<partition>/<offset>`, the offset with 16 digits so that names sort by it. */
export function checkpointName(owner: CheckpointOwner, next: Offset): string {
  return folderOf(owner) + String(next).padStart(16, '0')
}

/** Stores a checkpoint, then removes all but the newest `checkpointsKept`. */
export async function putCheckpoint(blobs: BlobStore, owner: CheckpointOwner, checkpoint: Checkpoint): Promise<void> {
  await blobs.put(checkpointName(owner, checkpoint.next), encodeCheckpoint(owner, checkpoint))
  const names = await blobs.list(folderOf(owner))
  for (const name of names.slice(0, -checkpointsKept)) await blobs.delete(name)
}

/**
 * The newest whole checkpoint that `load` takes, or null where there is none at all. Throws checkpoint-corrupt where there
 * are some and none can be used: starting over by itself could silently lose what the log no longer holds.
 */
export async function newestCheckpoint(
  blobs: BlobStore,
  owner: CheckpointOwner,
  load: (state: Uint8Array) => void,
): Promise<Checkpoint | null> {
  const names = await blobs.list(folderOf(owner))
  for (const name of names.reverse()) {
    const checkpoint = decodeCheckpoint(owner, await blobs.get(name))
    if (checkpoint === null) continue
    try {
      load(checkpoint.state)
      return checkpoint
    } catch (error) {
      if (!(error instanceof RangeError)) throw error
    }
  }
  if (names.length === 0) return null
  throw new FreshetError(
    'checkpoint-corrupt',
    `no checkpoint under ${folderOf(owner)} can be read: restore one, or delete them to fold the topic from its start`,
    { details: { names } },
  )
}
