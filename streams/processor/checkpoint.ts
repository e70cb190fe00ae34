// Resume points of a processor in the blob store: where it stood and how far its outputs had come, then its state, then one
// checksum of it all, so that a large state can be written part by part. The newest that is whole and fits counts; older
// ones are kept, so one that rots costs a longer replay, not the state.
import { checksum } from '../../schemas/ids.ts'
import {
  type Offset,
  offsetOf,
  type Partition,
  partitionOf,
  type SourcePosition,
  type TopicPartition,
} from '../log/log.ts'
import { FreshetError } from '../runtime/errors.ts'
import type { BlobStore } from '../stores/blob-store.ts'
import { StateReader, StateWriter } from './state-bytes.ts'

/** Source position of the newest output of an output partition. */
export interface OutputPosition extends TopicPartition {
  readonly source: SourcePosition
}

/** Where a processor stood when its state was taken. */
export interface CheckpointPosition {
  /** Next input offset; everything before it is in the state, and its outputs are durable. */
  readonly next: Offset
  /** Newest source position read from the input; null: its records carry none. */
  readonly inputSource: SourcePosition | null
  readonly outputs: readonly OutputPosition[]
}

export interface Checkpoint extends CheckpointPosition {
  readonly state: Uint8Array
}

/** Who a checkpoint belongs to. */
export interface CheckpointOwner extends TopicPartition {
  readonly group: string
  readonly processor: string
}

export interface CheckpointHeader extends CheckpointPosition {
  readonly owner: CheckpointOwner
}

/** A checkpoint that is durable. */
export interface StoredCheckpoint {
  readonly blob: string
  readonly byteLength: number
  /** `checksum` of the whole blob. */
  readonly checksum: string
  readonly next: Offset
}

/** A checkpoint that could not be loaded: its bytes are not whole, or its owner does not take it. */
export interface RefusedCheckpoint {
  readonly blob: string
  readonly reason: 'damaged' | 'misfit'
  readonly message: string
}

const magic = 'freshet checkpoint 2'
/** The checksum of everything before it, as 16 hex digits. */
const trailerBytes = 16

/** The beginning of a checkpoint; its state and the checksum of both follow. */
export function encodeHeader(owner: CheckpointOwner, { next, inputSource, outputs }: CheckpointPosition): Uint8Array {
  const header = new StateWriter()
  header.text(owner.group)
  header.text(owner.processor)
  header.text(owner.topic)
  header.u32(owner.partition)
  header.f64(next)
  writeSource(inputSource, header)
  header.u32(outputs.length)
  for (const output of outputs) {
    header.text(output.topic)
    header.u32(output.partition)
    writeSource(output.source, header)
  }
  const out = new StateWriter()
  out.text(magic)
  out.bytes(header.finish())
  return out.finish()
}

/** Who took a checkpoint and where it stood; `bytes` may be the beginning of one. Throws RangeError where it is none. */
export function checkpointHeader(bytes: Uint8Array): CheckpointHeader {
  return readHeader(new StateReader(bytes))
}

/** The state inside a whole checkpoint, whoever took it; a view of the bytes. Throws RangeError where they are damaged. */
export function checkpointState(bytes: Uint8Array): Uint8Array {
  return readWhole(bytes).state
}

interface WholeCheckpoint {
  readonly header: CheckpointHeader
  readonly state: Uint8Array
}

function readWhole(bytes: Uint8Array): WholeCheckpoint {
  const end = bytes.byteLength - trailerBytes
  const source = new StateReader(bytes.subarray(0, Math.max(0, end)))
  const header = readHeader(source)
  const found = checksum(bytes.subarray(0, end))
  const expected = Buffer.from(bytes.subarray(end)).toString('latin1')
  if (found !== expected) throw new RangeError(`a checkpoint has checksum ${found}, expected ${expected}`)
  return { header, state: bytes.subarray(source.position, end) }
}

function readHeader(outer: StateReader): CheckpointHeader {
  if (outer.text() !== magic) throw new RangeError(`bytes do not begin with "${magic}"`)
  const source = new StateReader(outer.bytes())
  const owner = {
    group: source.text(),
    processor: source.text(),
    topic: source.text(),
    partition: partitionOf(source.u32()),
  }
  const next = offsetOf(source.f64())
  const inputSource = readSource(source)
  const outputs: OutputPosition[] = []
  for (let count = source.u32(); count > 0; count--) {
    outputs.push({ topic: source.text(), partition: partitionOf(source.u32()), source: readSource(source)! })
  }
  return { owner, next, inputSource, outputs }
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

/** The whole checkpoint of this owner. Throws RangeError where the bytes are none. The state is a view of them. */
export function decodeCheckpoint(owner: CheckpointOwner, bytes: Uint8Array): Checkpoint {
  return ownedBy(owner, readWhole(bytes))
}

function ownedBy(owner: CheckpointOwner, { header, state }: WholeCheckpoint): Checkpoint {
  if (nameOf(header.owner) !== nameOf(owner)) {
    throw new RangeError(`a checkpoint of ${nameOf(header.owner)}, not of ${nameOf(owner)}`)
  }
  const { next, inputSource, outputs } = header
  return { next, inputSource, outputs, state }
}

function nameOf({ group, processor, topic, partition }: CheckpointOwner): string {
  return `${group}'s ${processor} at ${topic}/${partition}`
}

function folderOf(group: string, topic: string, partition: Partition): string {
  return `checkpoints/${group}/${topic}/${partition}/`
}

/** `checkpoints/<group>/<topic>/<partition>/<offset>`, the offset with 16 digits so that names sort by it. */
export function checkpointName({ group, topic, partition }: CheckpointOwner, next: Offset): string {
  return folderOf(group, topic, partition) + String(next).padStart(16, '0')
}

/** Names of the checkpoints of a group's partition, oldest first. */
export function listCheckpoints(blobs: BlobStore, { group, topic, partition }: CheckpointOwner): Promise<string[]> {
  return blobs.list(folderOf(group, topic, partition))
}

export interface CheckpointSearch {
  /** The newest that is whole and that `load` took. */
  readonly found: Checkpoint | null
  /** Newer ones, newest first. */
  readonly refused: readonly RefusedCheckpoint[]
}

/** Tries checkpoints from the newest on, until `load` takes the state of one; it throws RangeError for one that does not fit. */
export async function findCheckpoint(
  blobs: BlobStore,
  owner: CheckpointOwner,
  load: (state: Uint8Array) => void,
): Promise<CheckpointSearch> {
  const refused: RefusedCheckpoint[] = []
  for (const blob of (await listCheckpoints(blobs, owner)).reverse()) {
    const bytes = await bytesOf(blobs, blob)
    // Another owner of the partition pruned it meanwhile.
    if (bytes === null) continue
    let reason: RefusedCheckpoint['reason'] = 'damaged'
    try {
      const whole = readWhole(bytes)
      reason = 'misfit'
      const checkpoint = ownedBy(owner, whole)
      load(checkpoint.state)
      return { found: checkpoint, refused }
    } catch (error) {
      if (!(error instanceof RangeError)) throw error
      refused.push({ blob, reason, message: error.message })
    }
  }
  return { found: null, refused }
}

async function bytesOf(blobs: BlobStore, blob: string): Promise<Uint8Array | null> {
  try {
    return await blobs.get(blob)
  } catch (error) {
    if (error instanceof FreshetError && error.code === 'blob-missing') return null
    throw error
  }
}

/**
 * The newest whole checkpoint that `load` takes, or null where there is none at all. Throws checkpoint-corrupt where there
 * are some and none can be used.
 */
export async function newestCheckpoint(
  blobs: BlobStore,
  owner: CheckpointOwner,
  load: (state: Uint8Array) => void,
): Promise<Checkpoint | null> {
  const { found, refused } = await findCheckpoint(blobs, owner, load)
  if (found === null && refused.length > 0) throw noCheckpointFits(owner, refused)
  return found
}

/** Starting over by itself could silently lose what the log no longer holds. */
export function noCheckpointFits(owner: CheckpointOwner, refused: readonly RefusedCheckpoint[]): FreshetError {
  const { group, topic, partition } = owner
  const count = (reason: RefusedCheckpoint['reason']) => refused.filter((one) => one.reason === reason).length
  return new FreshetError(
    'checkpoint-corrupt',
    `no checkpoint under ${folderOf(group, topic, partition)} can be used: ${count('damaged')} damaged, ${count('misfit')} ` +
      'that the processor does not take: restore one, or delete them to fold what the topic still holds',
    { details: { refused } },
  )
}
