// How two ends of a log connection exchange messages, whatever carries them: in order, whole, until one end goes away.

export interface LogChannel {
  /** Sends a structured-cloneable message. `transfer` may be moved instead of copied: its owner gives it up. */
  post(message: unknown, transfer?: readonly ArrayBuffer[]): void
  /** Sets who receives; called once, before anything can arrive unseen. */
  onMessage(receive: (message: unknown) => void): void
  /** Called once when the channel ended, for whatever reason. */
  onClose(closed: () => void): void
  close(): void
}
