// The newest pages as served, whole, by request id. They are kept as their wire bytes: a tenth of the objects' memory,
// and nothing of the log's buffers is held.
import { decode, encode } from '../../schemas/codec.ts'
import type { FeedServed } from '../../schemas/generated.ts'
import { BoundedMap } from './bounded-map.ts'

export class PageMemory {
  private readonly bytesByRequest: BoundedMap<string, Uint8Array>

  constructor(pagesMax: number) {
    this.bytesByRequest = new BoundedMap(pagesMax)
  }

  get size(): number {
    return this.bytesByRequest.size
  }

  has(requestId: string): boolean {
    return this.bytesByRequest.has(requestId)
  }

  keep(served: FeedServed): void {
    // A small record shares its memory with others, which are soon done with.
    this.bytesByRequest.set(served.requestId, new Uint8Array(encode(served)))
  }

  /** Drops the pages named; those of an erased user. */
  forget(requestIds: Iterable<string>): void {
    for (const requestId of requestIds) this.bytesByRequest.delete(requestId)
  }

  find(requestId: string): FeedServed | null {
    const bytes = this.bytesByRequest.get(requestId)
    if (bytes === undefined) return null
    const record = decode(bytes)
    return record.type === 'FeedServed' ? record : null
  }
}
