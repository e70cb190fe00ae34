// The counter: a fold of `examples` into the rows of model `counts`, published at the same sync interval as weights, so that
// counts get the same exactness and freshness.
import type { Tick } from '../../schemas/generated.ts'
import { countDimension } from '../../streams/features/count-columns.ts'
import { type CountIncrement, countIncrements } from '../../streams/features/count-increments.ts'
import type { FeatureSet } from '../../streams/features/feature-set.ts'
import type { Processor, Recorded, StepOutput } from '../../streams/processor/processor.ts'
import { assert } from '../../streams/runtime/errors.ts'
import type { TableFactory } from '../model/initial-parameters.ts'
import type { ModelSpec } from '../model/model-spec.ts'
import { decodeSections, encodeSections, sectionOf } from '../model/sections.ts'
import { DeltaFeed, type DeltaFeedState } from './delta-feed.ts'
import { ParameterShard } from './parameter-shard.ts'

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
}

/** Reads `examples` of one partition, writes `deltas.counts`. */
export interface CountShard extends Processor {
  readonly shard: ParameterShard
}

export function countShard(options: CountShardOptions): CountShard {
  const { spec, featureSet } = options
  for (const { name, dimension } of spec.tables) {
    assert(dimension === countDimension, `table ${name} has one column per count`)
  }
  const shard = new ParameterShard(options)
  const feed = new DeltaFeed(shard, options.syncIntervalMs ?? 250)
  return {
    name: 'counter',
    shard,
    step(input: Recorded, output: StepOutput): void {
      const { record } = input
      if (record.type === 'Tick') feed.tick(input as Recorded<Tick>, output)
      else if (record.type !== 'Example' && record.type !== 'LabelCorrection') {
        output.reject(`a ${record.type} is no example`)
      } else if (record.featureSet !== featureSet.fingerprint) {
        output.reject(`features of set ${record.featureSet}, these counts take ${featureSet.fingerprint}`)
      } else {
        const increments = tryIncrements(() => countIncrements(record, featureSet))
        if (typeof increments === 'string') {
          output.reject(increments)
          return
        }
        for (const { name } of spec.tables) pushInto(shard, name, increments, record.eventTimeMs)
        feed.note(record)
      }
    },
    dump: () => encodeSections({ feed: feed.state() }, new Map([['shard', shard.dump()]])),
    load(dump) {
      const sections = decodeSections(dump)
      shard.load(sectionOf(sections, 'shard'))
      feed.restore(sections.facts.feed as DeltaFeedState)
    },
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
