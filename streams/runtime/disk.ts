// The port to durable storage: the few file operations a log or a blob folder needs, and one lock per folder. What is not
// synced may be lost when the machine stops; what is synced is there afterwards.

export interface DiskFile {
  /** Bytes in the file, as this handle knows it: set at open, moved by append and truncate. */
  readonly sizeBytes: number
  /** Writes all chunks, in order, at the end. After a rejection an unknown part of them is in the file: truncate. */
  append(chunks: readonly Uint8Array[]): Promise<void>
  /** A fresh buffer, shorter than `lengthBytes` only where the file ends. */
  read(positionBytes: number, lengthBytes: number): Promise<Buffer>
  /** Makes all bytes appended so far durable (fdatasync). */
  sync(): Promise<void>
  truncate(sizeBytes: number): Promise<void>
  /** Waits for running reads. */
  close(): Promise<void>
}

export interface DiskLock {
  release(): Promise<void>
}

export interface Disk {
  /** `write` creates the file when it is missing and keeps its bytes; `read` rejects with code ENOENT. */
  open(path: string, mode: 'read' | 'write'): Promise<DiskFile>
  /** Names in a folder, sorted; empty when the folder is missing. Folders end in a slash. */
  list(directory: string): Promise<string[]>
  /** Creates the folder and those above it, durably. */
  makeDirectory(directory: string): Promise<void>
  /** Replaces `to`. Durable after syncDirectory. */
  rename(from: string, to: string): Promise<void>
  /** Removing what is not there is no error. */
  remove(path: string): Promise<void>
  /** Makes creations, renames and removals directly inside the folder durable. */
  syncDirectory(directory: string): Promise<void>
  /** Takes the folder for this owner, or returns null while a living owner has it. A dead owner's lock is taken over. */
  lock(directory: string): Promise<DiskLock | null>
}

/** Whether an error of a Disk says that the file or folder is not there. */
export function isMissing(error: unknown): boolean {
  return (error as { code?: unknown } | null)?.code === 'ENOENT'
}

/** Whether an error of a Disk says that no space is left. */
export function isDiskFull(error: unknown): boolean {
  const code = (error as { code?: unknown } | null)?.code
  return code === 'ENOSPC' || code === 'EDQUOT'
}

/** The folder of a path; '.' when it names none. */
export function directoryOf(path: string): string {
  const slash = path.lastIndexOf('/')
  return slash < 0 ? '.' : path.slice(0, Math.max(1, slash))
}
