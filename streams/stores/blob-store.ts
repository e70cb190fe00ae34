// The blob port: whole objects by name. A put is atomic and durable when it resolves.

/** A blob's bytes one after the other, cut anywhere. A part must not change until the next one is asked for. */
export type BlobParts = Iterable<Uint8Array> | AsyncIterable<Uint8Array>

export interface BlobStore {
  /** Replaces what was there; where the parts end with an error, nothing is replaced and the error is passed on. `name` is a
   *  slash-separated path of [A-Za-z0-9._-] parts. */
  put(name: string, bytes: Uint8Array | BlobParts): Promise<void>
  /** Throws blob-missing. */
  get(name: string): Promise<Uint8Array>
  /** Names below a prefix, sorted. */
  list(prefix: string): Promise<string[]>
  /** Removing what is not there is no error. */
  delete(name: string): Promise<void>
}

/** What was given to `put`, as parts. */
export function blobPartsOf(bytes: Uint8Array | BlobParts): BlobParts {
  return bytes instanceof Uint8Array ? [bytes] : bytes
}
