// What a fault may do to the topology under test.

export interface Stage {
  /** SIGKILL; resolves when the process is gone. */
  kill(name: string): Promise<void>
  /** SIGTERM; resolves when it has ended cleanly, rejects where it has not. */
  stop(name: string): Promise<void>
  /** Starts it, or starts it again; resolves when it says that it is ready. Nothing where it runs. */
  start(name: string): Promise<void>
  /** SIGSTOP and SIGCONT. */
  pause(name: string): void
  resume(name: string): void
  killBroker(number: number): Promise<void>
  /** Nothing where it runs. */
  startBroker(number: number): Promise<void>
  /** Fills the small disk to the last byte, and gives the space back. */
  fillDisk(): Promise<void>
  freeDisk(): Promise<void>
  sleep(durationMs: number): Promise<void>
}
