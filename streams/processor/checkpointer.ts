// Takes and stores a runner's checkpoints. The state is taken at a record boundary, in parts between which others run and
// nothing is folded; it is stored behind the fold, once the outputs before it are durable, then announced, and only then do
// older ones go. A full disk costs a longer replay, not the fold.
import { uniformOf } from '../../schemas/ids.ts'
import type { Offset, SourcePosition } from '../log/log.ts'
import { isDiskFull } from '../runtime/disk.ts'
import { nextTurn } from '../runtime/next-turn.ts'
import type { Runtime } from '../runtime/runtime.ts'
import type { BlobStore } from '../stores/blob-store.ts'
import {
  type CheckpointOwner,
  type CheckpointPosition,
  listCheckpoints,
  type RefusedCheckpoint,
  type StoredCheckpoint,
} from './checkpoint.ts'
import { pruneCheckpoints, putCheckpoint } from './checkpoint-keeping.ts'
import type { OutputWriter } from './output-writer.ts'
import type { Processor } from './processor.ts'
import type { RunnerProgress } from './runner-progress.ts'

export interface CheckpointTuning {
  readonly checkpointEveryMs?: number
  readonly checkpointEveryRecords?: number
  /** How many stay: the newest two, and older ones the further apart the older. Default 2. */
  readonly checkpointsKept?: number
  readonly commitEveryMs?: number
}

export interface CheckpointerOptions extends CheckpointTuning {
  readonly blobs: BlobStore
  readonly runtime: Runtime
  readonly owner: CheckpointOwner
  readonly processor: Processor
  /** Moved along. */
  readonly progress: RunnerProgress
  readonly commit?: (next: Offset) => Promise<void>
  /** Told of each checkpoint when it is durable and before older ones go. False: others are not told of this one, so what
   *  they were told of before must stay. */
  readonly onCheckpoint?: (taken: StoredCheckpoint) => Promise<unknown>
}

/** Tries again while that can help, until the writer it belongs to is given up. */
type Retry = <T>(operation: () => Promise<T>) => Promise<T>

const checkpointEveryMsDefault = 5_000
/** Of a backlog, too, the time decides: a state that takes seconds to dump would be dumped without end. */
const checkpointEveryRecordsDefault = 1_000_000
const commitEveryMsDefault = 1_000
export const checkpointsKeptDefault = 2

export class Checkpointer {
  private readonly options: CheckpointerOptions
  private readonly writer: OutputWriter
  private readonly retry: Retry
  /** Found at the start and of no use. */
  private readonly refused: readonly RefusedCheckpoint[]
  /** The newest checkpoint that others were told of in this life; before the first, whatever was there at its start, because
   *  one of those may be it. Null: not looked yet. */
  private needed: ReadonlySet<string> | null = null
  private storing: Promise<void> | null = null
  private failure: { readonly error: unknown } | null = null
  private wanted = false
  private records = 0
  private lastMs: number
  private lastCommitMs = 0

  constructor(options: CheckpointerOptions, writer: OutputWriter, retry: Retry, refused: readonly RefusedCheckpoint[]) {
    this.options = options
    this.writer = writer
    this.retry = retry
    this.refused = refused
    // Runners of one thread start together: at a phase of their own they do not stall it together.
    const { owner, runtime, checkpointEveryMs = checkpointEveryMsDefault } = options
    const phase = uniformOf(`${owner.group}/${owner.topic}/${owner.partition}`, 'checkpoint-phase')
    this.lastMs = runtime.clock.monotonicMs() - phase * checkpointEveryMs
  }

  /** After each record: whether a checkpoint has to be taken before the next one. */
  folded(): boolean {
    this.records++
    if (this.options.processor.wantsCheckpoint) this.wanted = true
    return this.wanted && this.storing === null
  }

  /**
   * At a record boundary: begins a checkpoint or a commit where one is due. A promise where taking the state needs turns of
   * the event loop: nothing may be folded until it resolves. Throws what made storing an earlier one impossible.
   */
  settle(inputSource: SourcePosition | null): Promise<void> | undefined {
    if (this.failure) throw this.failure.error
    const { progress, processor, runtime, commit } = this.options
    if (this.storing !== null || progress.next === progress.checkpointed) return undefined
    const nowMs = runtime.clock.monotonicMs()
    if (this.isDue(nowMs)) {
      if (processor.dumpParts) return this.stateInTurns().then((state) => this.storeBehind(inputSource, state))
      this.storeBehind(inputSource, [processor.dump()])
    } else if (commit && nowMs - this.lastCommitMs >= (this.options.commitEveryMs ?? commitEveryMsDefault)) {
      this.behind(this.commitDurable())
    }
    return undefined
  }

  /** Takes a last checkpoint, where something was folded since the one before. */
  async finish(inputSource: SourcePosition | null): Promise<void> {
    await this.idle()
    const { progress, processor } = this.options
    if (progress.next === progress.checkpointed) return
    const state = processor.dumpParts ? await this.stateInTurns() : [processor.dump()]
    await this.store(inputSource, state)
  }

  /** Resolves when nothing is being stored. Rejects with what made storing impossible. */
  async idle(): Promise<void> {
    await this.storing
    if (this.failure) throw this.failure.error
  }

  private isDue(nowMs: number): boolean {
    const { checkpointEveryMs, checkpointEveryRecords } = this.options
    return (
      this.wanted ||
      nowMs - this.lastMs >= (checkpointEveryMs ?? checkpointEveryMsDefault) ||
      this.records >= (checkpointEveryRecords ?? checkpointEveryRecordsDefault)
    )
  }

  private async stateInTurns(): Promise<readonly Uint8Array[]> {
    const parts: Uint8Array[] = []
    for (const part of this.options.processor.dumpParts!()) {
      parts.push(part)
      await nextTurn()
    }
    return parts
  }

  private storeBehind(inputSource: SourcePosition | null, state: readonly Uint8Array[]): void {
    this.behind(this.store(inputSource, state))
  }

  private behind(work: Promise<void>): void {
    this.storing = work
      .catch((error: unknown) => {
        this.failure ??= { error }
      })
      .finally(() => {
        this.storing = null
      })
  }

  private async store(inputSource: SourcePosition | null, state: readonly Uint8Array[]): Promise<void> {
    const { progress, runtime } = this.options
    const { next } = progress
    this.lastMs = runtime.clock.monotonicMs()
    this.records = 0
    this.wanted = false
    const outputs = await this.writer.durable()
    const stored = await this.put({ next, inputSource, outputs }, state)
    if (stored === null) return
    progress.checkpoints++
    progress.checkpointed = next
    await this.announce(stored)
    await this.commit(next)
  }

  private async announce(newest: StoredCheckpoint): Promise<void> {
    const { blobs, owner, onCheckpoint, checkpointsKept: kept = checkpointsKeptDefault } = this.options
    const isTold = onCheckpoint === undefined || (await this.retry(() => onCheckpoint(newest))) !== false
    if (isTold) this.needed = new Set([newest.blob])
    else this.needed ??= new Set(await listCheckpoints(blobs, owner))
    await pruneCheckpoints(blobs, owner, { newest, kept, refused: this.refused, needed: this.needed })
  }

  /** null where there is no space: the next checkpoint makes up for it. */
  private async put(position: CheckpointPosition, state: readonly Uint8Array[]): Promise<StoredCheckpoint | null> {
    const { blobs, owner, progress } = this.options
    return this.retry(async () => {
      try {
        return await putCheckpoint(blobs, owner, position, state)
      } catch (error) {
        if (!isDiskFull(error)) throw error
        progress.checkpointFailures++
        return null
      }
    })
  }

  private async commitDurable(): Promise<void> {
    const { next } = this.options.progress
    await this.writer.durable()
    await this.commit(next)
  }

  private async commit(next: Offset): Promise<void> {
    this.lastCommitMs = this.options.runtime.clock.monotonicMs()
    // A commit only feeds the lag metric: the next one makes up for one that fails.
    await this.options.commit?.(next).catch(() => {})
  }
}
