// The resume point of an item encoder: its state and the next offset of each of its inputs, in one blob.
import { type Offset, offsetOf } from '../../streams/log/log.ts'
import { isDiskFull } from '../../streams/runtime/disk.ts'
import { FreshetError } from '../../streams/runtime/errors.ts'
import type { BlobStore } from '../../streams/stores/blob-store.ts'
import { decodeSections, encodeSections, sectionOf } from '../model/sections.ts'
import type { ItemEncoder } from './item-encoder.ts'

/** Everything before the offsets, by "topic/partition", must be in the state, and its vectors durable. On a full disk the
 *  checkpoint before it stays: that costs a longer replay after a restart, not the encoding. */
export async function putEncoderCheckpoint(
  blobs: BlobStore,
  model: string,
  encoder: ItemEncoder,
  nextByPlace: ReadonlyMap<string, Offset>,
): Promise<void> {
  const next = Object.fromEntries([...nextByPlace].sort(([left], [right]) => (left < right ? -1 : 1)))
  try {
    await blobs.put(blobOf(model), encodeSections({ next }, new Map([['encoder', encoder.dump()]])))
  } catch (error) {
    if (!isDiskFull(error)) throw error
  }
}

/** Loads the state and gives the offsets; none, and the encoder as it was, where there is no checkpoint. Throws
 *  checkpoint-corrupt on one that cannot be used. */
export async function loadEncoderCheckpoint(
  blobs: BlobStore,
  model: string,
  encoder: ItemEncoder,
): Promise<Map<string, Offset>> {
  const blob = blobOf(model)
  if (!(await blobs.list(blob)).includes(blob)) return new Map()
  try {
    const sections = decodeSections(await blobs.get(blob))
    encoder.load(sectionOf(sections, 'encoder'))
    const next = sections.facts.next as Readonly<Record<string, number>>
    return new Map(Object.entries(next).map(([place, offset]) => [place, offsetOf(offset)]))
  } catch (cause) {
    if (!(cause instanceof RangeError)) throw cause
    const remedy = 'restore it, or delete it to encode the catalog anew'
    throw new FreshetError('checkpoint-corrupt', `${blob} cannot be read: ${remedy}`, { cause })
  }
}

function blobOf(model: string): string {
  return `checkpoints/item-encoder.${model}/state`
}
