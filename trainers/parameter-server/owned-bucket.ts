// What every owner of a bucket does around its fold, whatever it folds: parameters, what is rolled back, whether and when
// changes go out, which rows are too old, and a dump that is also the bucket's snapshot.
import type { Tick } from '../../schemas/generated.ts'
import type { Recorded, StepOutput } from '../../streams/processor/processor.ts'
import {
  type ByteStream,
  decodeSections,
  type Facts,
  type Section,
  type Sections,
  sectionOf,
  streamSections,
} from '../model/sections.ts'
import { DeltaFeed, type DeltaFeedState } from './delta-feed.ts'
import { type DumpedState, DumpLedger } from './dump-ledger.ts'
import type { ParameterShard, ParameterShardOptions } from './parameter-shard.ts'
import { type GuardOptions, type GuardState, type Hold, PublicationGuard } from './publication-guard.ts'
import { type Rollback, type RollbackFacts, RollbackLine } from './rollbacks.ts'
import { SourceMarks, type SourceMarksState } from './source-marks.ts'

export interface OwningOptions {
  /** Event time between deltas. */
  readonly syncIntervalMs?: number
  /** Of the input partition, in the order of `policies` (see rollbacksOf). */
  readonly rollbacks?: readonly Rollback[]
  /** For models that predict; null: none. */
  readonly guard?: GuardOptions | null
}

export type OwnedBucketOptions = ParameterShardOptions & OwningOptions

interface OwnedBucketFacts {
  readonly line: RollbackFacts
  readonly marks: SourceMarksState
  readonly tickTimeMs: number
  readonly slice: number
  readonly feed: DeltaFeedState
  readonly guard: GuardState | null
}

/** What an owner's dump says without being loaded: for whoever looks at checkpoints. Throws RangeError on another's. */
export interface OwnedState {
  readonly version: number
  readonly lineage: number
  /** Event ids of the rollbacks behind it. */
  readonly rollbacks: readonly string[]
  readonly held: Hold | null
}

export function ownedStateOf(dump: Uint8Array): OwnedState {
  const sections = decodeSections(dump)
  const { line, guard } = (sections.facts.owned ?? {}) as Partial<OwnedBucketFacts>
  const { version } = decodeSections(sectionOf(sections, 'shard')).facts
  if (!line || typeof version !== 'number') throw new RangeError('not the state of an owner of parameters')
  return { version, lineage: line.lineage, rollbacks: line.rollbacks, held: guard?.held ?? null }
}

/** Slices go round: any common multiple of the tables' counts of slices would do. */
const slicesMax = 2 ** 30

export class OwnedBucket {
  readonly shard: ParameterShard
  readonly marks = new SourceMarks()
  readonly feed: DeltaFeed
  readonly guard: PublicationGuard | null
  readonly #line: RollbackLine
  readonly #ledger = new DumpLedger()
  #tickTimeMs = 0
  #slice = 0
  #wantsCheckpoint = false
  #rowsExpired = 0

  constructor(shard: ParameterShard, options: OwningOptions) {
    const { syncIntervalMs = 250, rollbacks, guard = shard.spec.ranker ? {} : null } = options
    this.shard = shard
    this.feed = new DeltaFeed(shard, syncIntervalMs)
    this.guard = guard && new PublicationGuard(guard)
    this.#line = new RollbackLine(rollbacks)
  }

  /** Rollbacks behind the state. */
  get lineage(): number {
    return this.#line.lineage
  }

  /** Why nothing is published; null: all is well. */
  get held(): Hold | null {
    return this.guard?.held ?? null
  }

  /** After a rollback's end was crossed, until the next dump: views of the lineage before need a snapshot. */
  get wantsCheckpoint(): boolean {
    return this.#wantsCheckpoint
  }

  /** Time of the newest Tick; 0 before the first. */
  get tickTimeMs(): number {
    return this.#tickTimeMs
  }

  /** Rows that expired in this life. */
  get rowsExpired(): number {
    return this.#rowsExpired
  }

  /** See DumpLedger.at. */
  dumpedAt(next: number): DumpedState | null {
    return this.#ledger.at(next)
  }

  /** Whether the input at this offset is undone. */
  skips(offset: number): boolean {
    return this.#line.skips(offset)
  }

  /** See RollbackLine.advance; a held publication goes on behind a rollback. */
  advance(next: number): boolean {
    if (!this.#line.advance(next)) return false
    this.guard?.release()
    this.#wantsCheckpoint = true
    return true
  }

  /** Time passes: expires a slice of each table and publishes what is due. Call after everything before the Tick is folded.
   *  `trainedThrough`: by default the Tick's own position. */
  tick(input: Recorded<Tick>, output: StepOutput, trainedThrough?: Readonly<Record<string, number>>): void {
    this.#tickTimeMs = Math.max(this.#tickTimeMs, input.record.eventTimeMs)
    if (this.skips(input.offset)) return
    const watermarkMs = this.marks.watermarkAt(this.#tickTimeMs)
    if (watermarkMs !== null) {
      this.#rowsExpired += this.shard.expire(watermarkMs, this.#slice)
      this.#slice = (this.#slice + 1) % slicesMax
    }
    if (this.held) return
    const lineage = this.#line.lineageAt(input.offset)
    this.feed.tick(input, output, trainedThrough ? { lineage, trainedThrough } : { lineage })
  }

  /** The state, with what else its owner keeps: made at once but for the tables, which are read as the parts are taken.
   *  Its section `shard` is the snapshot of the bucket. */
  stream(facts: Facts = {}, sections: ReadonlyMap<string, Section> = new Map()): ByteStream {
    const owned: OwnedBucketFacts = {
      line: this.#line.facts(),
      marks: this.marks.state(),
      tickTimeMs: this.#tickTimeMs,
      slice: this.#slice,
      feed: this.feed.state(),
      guard: this.guard?.state() ?? null,
    }
    const { next, lineage } = owned.line
    this.#ledger.note({ next, lineage, version: this.shard.version, isHeld: this.held !== null })
    this.#wantsCheckpoint = false
    return streamSections({ ...facts, owned }, new Map([['shard', this.shard.stream(lineage)], ...sections]))
  }

  /** Throws RangeError on the state of another spec or bucket, and on one that holds what a rollback undoes. Follow with
   *  `advance(next)` when all else is loaded: gives `next`. */
  load(sections: Sections): number {
    const { line, marks, tickTimeMs, slice, feed, guard } = sections.facts.owned as OwnedBucketFacts
    this.#line.restore(line)
    this.shard.load(sectionOf(sections, 'shard'))
    this.marks.restore(marks)
    this.feed.restore(feed)
    if (guard) this.guard?.restore(guard)
    this.#tickTimeMs = tickTimeMs
    this.#slice = slice
    this.#wantsCheckpoint = false
    return line.next
  }
}
