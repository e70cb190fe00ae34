// The newest snapshot of each model that a view follows: loaded once at the start, and again where a delta is missing.

import type { SnapshotTaken } from '../../schemas/generated.ts'
import { checksum } from '../../schemas/ids.ts'
import type { BlobStore } from '../../streams/stores/blob-store.ts'
import { StampWaiters } from './stamp-waiters.ts'

export interface ModelSnapshotsOptions {
  readonly blobs: BlobStore
  load(model: string, snapshot: Uint8Array): void
  onError(error: unknown): void
}

interface Announced {
  readonly taken: SnapshotTaken
  /** Log time of the announcement. */
  readonly timestampMs: number
}

export class ModelSnapshots {
  private readonly options: ModelSnapshotsOptions
  private readonly newestByModel = new Map<string, Announced>()
  private readonly loadedByModel = new Map<string, Announced>()
  private readonly waiters = new StampWaiters()
  private announcements = 0
  loads = 0

  constructor(options: ModelSnapshotsOptions) {
    this.options = options
  }

  announced(taken: SnapshotTaken, timestampMs: number): void {
    this.newestByModel.set(taken.model, { taken, timestampMs })
    this.announcements++
    this.waiters.advanced(taken.model, this.announcements)
  }

  /** Log time of the newest announcement; null before the first. */
  newestTimestampMs(model: string): number | null {
    return this.newestByModel.get(model)?.timestampMs ?? null
  }

  /** Loads the newest one unless that was done. False where there is none, or where it is missing or damaged. */
  async loadNewest(model: string): Promise<boolean> {
    const newest = this.newestByModel.get(model)
    if (newest === undefined || this.loadedByModel.get(model) === newest) return false
    try {
      const bytes = await this.options.blobs.get(newest.taken.blob)
      const found = checksum(bytes)
      if (found !== newest.taken.checksum) {
        throw new RangeError(`snapshot ${newest.taken.blob} has checksum ${found}, expected ${newest.taken.checksum}`)
      }
      this.options.load(model, bytes)
    } catch (error) {
      this.options.onError(error)
      return false
    }
    this.loadedByModel.set(model, newest)
    this.loads++
    return true
  }

  /** Loads the newest not loaded yet; where there is none, waits for the next to be announced and loads that. */
  async loadNext(model: string, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const after = this.announcements + 1
      if (await this.loadNewest(model)) return
      await this.waiters.wait(model, after, signal)
    }
  }
}
