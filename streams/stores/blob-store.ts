// The blob port: whole objects by name. A put is atomic and durable when it resolves.

export interface BlobStore {
  /** Replaces what was there. `name` is a slash-separated path of [A-Za-z0-9._-] parts. */
  put(name: string, bytes: Uint8Array): Promise<void>
  /** Throws blob-missing. */
  get(name: string): Promise<Uint8Array>
  /** Names below a prefix, sorted. */
  list(prefix: string): Promise<string[]>
  /** Removing what is not there is no error. */
  delete(name: string): Promise<void>
}
