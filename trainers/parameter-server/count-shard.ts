// The counter of lockstep mode: a fold of `examples` into the rows of model `counts`, published at the same sync interval as
// weights, so that counts get the same exactness and freshness.
import type { Tick } from '../../schemas/generated.ts'
import { countDimension } from '../../streams/features/count-columns.ts'
import { type CountIncrement, countIncrements } from '../../streams/features/count-increments.ts'
import type { FeatureSet } from '../../streams/features/feature-set.ts'
import type { Processor, Recorded, StepOutput } from '../../streams/processor/processor.ts'
import { assert } from '../../streams/runtime/errors.ts'
import type { TableFactory } from '../model/initial-parameters.ts'
import type { ModelSpec } from '../model/model-spec.ts'
import { type ByteStream, decodeSections, joined, sectionOf, streamSections } from '../model/sections.ts'
import { DeltaFeed, type DeltaFeedState } from './delta-feed.ts'
import { type DumpedState, DumpLedger } from './dump-ledger.ts'
import { ParameterShard } from './parameter-shard.ts'
import { type Rollback, type RollbackFacts, RollbackLine } from './rollbacks.ts'

export interface CountShardOptions {
  /** Tables `totals` and `trends`. */
  readonly spec: ModelSpec
  readonly featureSet: FeatureSet
  readonly tableFactory: TableFactory
  /** Event time between deltas. */
  readonly syncIntervalMs?: number
  readonly bucket?: number
  readonly epoch?: number
  readonly rowsPerDeltaMax?: number
  /** Of this partition of `examples`, in the order of `policies` (see rollbacksOf). */
  readonly rollbacks?: readonly Rollback[]
}

/** Reads `examples` of one partition, writes `deltas.counts`. */
export interface CountShard extends Processor {
  readonly shard: ParameterShard
  /** After a rollback's end was crossed, until the next dump. */
  readonly wantsCheckpoint: boolean
  /** See DumpLedger.at. */
  dumpedAt(next: number): DumpedState | null
  dumpParts(): Iterable<Uint8Array>
}

interface CountFacts {
  readonly line: RollbackFacts
  readonly feed: DeltaFeedState
}

export function countShard(options: CountShardOptions): CountShard {
  for (const { name, dimension } of options.spec.tables) {
    assert(dimension === countDimension, `table ${name} has one column per count`)
  }
  return new ExampleCounts(options)
}

class ExampleCounts implements CountShard {
  readonly name = 'counter'
  readonly shard: ParameterShard
  readonly #spec: ModelSpec
  readonly #featureSet: FeatureSet
  readonly #feed: DeltaFeed
  readonly #line: RollbackLine
  readonly #ledger = new DumpLedger()
  #wantsCheckpoint = false

  constructor(options: CountShardOptions) {
    this.#spec = options.spec
    this.#featureSet = options.featureSet
    this.shard = new ParameterShard(options)
    this.#feed = new DeltaFeed(this.shard, options.syncIntervalMs ?? 250)
    this.#line = new RollbackLine(options.rollbacks)
  }

  get wantsCheckpoint(): boolean {
    return this.#wantsCheckpoint
  }

  dumpedAt(next: number): DumpedState | null {
    return this.#ledger.at(next)
  }

  step(input: Recorded, output: StepOutput): void {
    this.#advance(input.offset)
    if (!this.#line.skips(input.offset)) this.#fold(input, output)
    this.#advance(input.offset + 1)
  }

  dump(): Uint8Array {
    return joined(this.#stream())
  }

  dumpParts(): Iterable<Uint8Array> {
    return this.#stream().parts()
  }

  /** Throws RangeError on another state, and on one that holds what a rollback undoes. */
  load(dump: Uint8Array): void {
    const sections = decodeSections(dump)
    const { line, feed } = sections.facts as unknown as CountFacts
    this.#line.restore(line)
    this.shard.load(sectionOf(sections, 'shard'))
    this.#feed.restore(feed)
    this.#wantsCheckpoint = false
    this.#advance(line.next)
  }

  #stream(): ByteStream {
    const facts: CountFacts = { line: this.#line.facts(), feed: this.#feed.state() }
    const { next, lineage } = facts.line
    this.#ledger.note({ next, lineage, version: this.shard.version, isHeld: false })
    this.#wantsCheckpoint = false
    return streamSections({ ...facts }, new Map([['shard', this.shard.stream(lineage)]]))
  }

  #advance(offset: number): void {
    if (this.#line.advance(offset)) this.#wantsCheckpoint = true
  }

  #fold(input: Recorded, output: StepOutput): void {
    const { record, offset } = input
    const { fingerprint } = this.#featureSet
    if (record.type === 'Tick') {
      this.#feed.tick(input as Recorded<Tick>, output, { lineage: this.#line.lineageAt(offset) })
    } else if (record.type !== 'Example' && record.type !== 'LabelCorrection') {
      output.reject(`a ${record.type} is no example`)
    } else if (record.featureSet !== fingerprint) {
      output.reject(`features of set ${record.featureSet}, these counts take ${fingerprint}`)
    } else {
      const increments = tryIncrements(() => countIncrements(record, this.#featureSet))
      if (typeof increments === 'string') {
        output.reject(increments)
        return
      }
      for (const { name } of this.#spec.tables) pushInto(this.shard, name, increments, record.eventTimeMs)
      this.#feed.note(record)
    }
  }
}

/** Features of a wrong length are a bad record. */
function tryIncrements(read: () => CountIncrement[]): CountIncrement[] | string {
  try {
    return read()
  } catch (cause) {
    if (cause instanceof RangeError) return cause.message
    throw cause
  }
}

function pushInto(
  shard: ParameterShard,
  table: string,
  increments: readonly CountIncrement[],
  eventTimeMs: number,
): void {
  const own = increments.filter((increment) => increment.table === table)
  if (own.length === 0) return
  const values = new Float32Array(own.length * countDimension)
  for (const [index, increment] of own.entries()) values.set(increment.values, index * countDimension)
  const ids = BigUint64Array.from(own, (increment) => increment.id)
  shard.push(table, ids, own.length, values, new Float64Array(own.length).fill(eventTimeMs))
}
