// A world with the model that ships: real tables, towers and ranker, at their initial weights unless deltas come.
import type { TowerTensor } from '../../schemas/generated.ts'
import { encodeFloats } from '../../schemas/layouts/floats.ts'
import * as topics from '../../schemas/topics.ts'
import { defaultFeatures } from '../../streams/features/default-features.ts'
import type { QueryContext } from '../../streams/features/feature.ts'
import { featureSet } from '../../streams/features/feature-set.ts'
import { emptyHistory } from '../../streams/features/history.ts'
import { unknownUser } from '../../streams/features/user-facts.ts'
import { denseCompute } from '../../trainers/model/compute.ts'
import { initialDense } from '../../trainers/model/initial-parameters.ts'
import type { TowerEncoder } from '../../trainers/model/model.ts'
import { modelLayout } from '../../trainers/model/model-layout.ts'
import { replica } from '../../trainers/model/replica.ts'
import { scorer } from '../../trainers/model/scorer.ts'
import { countsSpec, foryouSpec } from '../../trainers/model/shipped-specs.ts'
import { frozenTensors, towerEncoder, towerTensors } from '../../trainers/model/tower-encoder.ts'
import { wasmTable } from '../../trainers/table/wasm-table.ts'
import { ShardWorld } from './shard-world.ts'

const features = featureSet(defaultFeatures)

export interface ModelWorld {
  readonly world: ShardWorld
  readonly encoder: TowerEncoder
  /** Encodes every video of the catalog under a generation and announces it. */
  generation(number: number): void
}

/** Tables hold `rowsMax` rows each. */
export async function modelWorld(rowsMax = 100_000, monotonicMs?: () => number): Promise<ModelWorld> {
  await denseCompute()
  const makeTable = (spec: Parameters<typeof wasmTable>[0]) => wasmTable({ ...spec, rowsMax })
  const model = replica(foryouSpec, makeTable)
  const options = { spec: foryouSpec, featureSet: features, parameters: model }
  const encoder = towerEncoder(options)
  const world = new ShardWorld({
    features,
    ...(monotonicMs ? { monotonicMs } : {}),
    scorer: scorer(options),
    view: {
      model,
      counts: replica(countsSpec, makeTable),
      vectorDimension: encoder.dimension,
      encoderOf: (ready) => towerEncoder({ ...options, frozen: frozenTensors(ready.dense) }),
    },
  })
  return { world, encoder, generation: (number) => announce(world, encoder, number) }
}

function announce(world: ShardWorld, encoder: TowerEncoder, generation: number): void {
  const { catalog, countView } = world.view
  const context: QueryContext = {
    user: unknownUser('none'),
    surface: '',
    device: '',
    network: '',
    language: '',
    region: '',
    nowMs: world.nowMs,
    history: emptyHistory,
    counts: countView.reader,
  }
  const name = topics.vectorsOf(world.view.model.model)
  let live = 0
  for (let index = 0; index < catalog.size; index++) {
    const entry = catalog.servableAt(index)
    if (entry === null) continue
    live++
    const vector = encodeFloats(encoder.encodeEntries([features.readEntry(context, entry.facts)]))
    world.append(name, { type: 'ItemVector', videoId: entry.videoId, generation, vector, eventTimeMs: world.nowMs })
  }
  const dense: TowerTensor[] = towerTensors(
    'query',
    world.view.model.dense,
    initialDense(foryouSpec, modelLayout(foryouSpec, features)),
  )
  world.append(name, { type: 'GenerationReady', generation, videos: live, eventTimeMs: world.nowMs, dense })
}
