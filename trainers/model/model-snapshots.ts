// The newest snapshot of each bucket as its owner announced it: loaded at a start, and again where a delta is missing. One
// of an older lineage or epoch than another that was announced is passed over.

import type { SnapshotTaken } from '../../schemas/generated.ts'
import { checksum } from '../../schemas/ids.ts'
import { checkpointState } from '../../streams/processor/checkpoint.ts'
import type { BlobStore } from '../../streams/stores/blob-store.ts'
import { decodeSections, sectionOf } from './sections.ts'

export interface ModelSnapshotsOptions {
  readonly blobs: Pick<BlobStore, 'get'>
  /** Takes the bytes in. Throws RangeError on those of another model. */
  load(model: string, bucket: number, snapshot: Uint8Array): void | Promise<void>
  onError(error: unknown): void
}

interface Announced {
  readonly taken: SnapshotTaken
  /** Log time of the announcement. */
  readonly timestampMs: number
}

export class ModelSnapshots {
  readonly #options: ModelSnapshotsOptions
  readonly #newestByPlace = new Map<string, Announced>()
  readonly #loadedByPlace = new Map<string, Announced>()
  readonly #waiting = new Set<() => void>()
  loads = 0

  constructor(options: ModelSnapshotsOptions) {
    this.#options = options
  }

  announced(taken: SnapshotTaken, timestampMs: number): void {
    const place = placeOf(taken.model, taken.bucket)
    const known = this.#newestByPlace.get(place)?.taken
    // Of one owner the last word counts, whatever its version: a blob that was replaced may be gone.
    if (known && (taken.lineage - known.lineage || taken.epoch - known.epoch) < 0) return
    this.#newestByPlace.set(place, { taken, timestampMs })
    for (const wake of [...this.#waiting]) wake()
  }

  /** Log time of the newest announcement; null before the first. */
  newestTimestampMs(model: string, bucket: number): number | null {
    return this.#newestByPlace.get(placeOf(model, bucket))?.timestampMs ?? null
  }

  /** Loads the newest one unless that was done. False where there is none, or where it is missing or damaged. */
  async loadNewest(model: string, bucket: number): Promise<boolean> {
    const place = placeOf(model, bucket)
    const newest = this.#newestByPlace.get(place)
    if (newest === undefined || this.#loadedByPlace.get(place) === newest) return false
    try {
      const bytes = await this.#options.blobs.get(newest.taken.blob)
      const found = checksum(bytes)
      if (found !== newest.taken.checksum) {
        throw new RangeError(`snapshot ${newest.taken.blob} has checksum ${found}, expected ${newest.taken.checksum}`)
      }
      await this.#options.load(model, bucket, snapshotIn(bytes))
    } catch (error) {
      this.#options.onError(error)
      return false
    }
    this.#loadedByPlace.set(place, newest)
    this.loads++
    return true
  }

  /** Loads the newest not loaded yet; where there is none, waits for the next to be announced and loads that. */
  async loadNext(model: string, bucket: number, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const before = this.#newestByPlace.get(placeOf(model, bucket))
      if (await this.loadNewest(model, bucket)) return
      while (!signal.aborted && this.#newestByPlace.get(placeOf(model, bucket)) === before) {
        await this.#announcement(signal)
      }
    }
  }

  /** Resolves at the next announcement of any bucket, or when the signal aborts. */
  #announcement(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const wake = (): void => {
        this.#waiting.delete(wake)
        signal.removeEventListener('abort', wake)
        resolve()
      }
      this.#waiting.add(wake)
      signal.addEventListener('abort', wake)
    })
  }
}

/** What is announced is a checkpoint of the owner; the snapshot is a section of its state. */
function snapshotIn(blob: Uint8Array): Uint8Array {
  return sectionOf(decodeSections(checkpointState(blob)), 'shard')
}

function placeOf(model: string, bucket: number): string {
  return `${model}/${bucket}`
}
