// A run's model put where a deployment can start it: topics, spec, and, where the run's state is one that the live trainer could
// have come to, that state as the model's first checkpoint and snapshot; else the model folds what the log holds.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { encode } from '../../schemas/codec.ts'
import { checksum } from '../../schemas/ids.ts'
import { examples, snapshotsOf } from '../../schemas/topics.ts'
import { type Log, offsetOf, partitionOf } from '../../streams/log/log.ts'
import { listCheckpoints } from '../../streams/processor/checkpoint.ts'
import { putCheckpoint } from '../../streams/processor/checkpoint-keeping.ts'
import { FreshetError } from '../../streams/runtime/errors.ts'
import type { Runtime } from '../../streams/runtime/runtime.ts'
import type { BlobStore } from '../../streams/stores/blob-store.ts'
import { ownedStateOf } from '../../trainers/parameter-server/owned-bucket.ts'
import type { Config } from '../config/config.ts'
import { engineTopics } from '../processes/engine-topics.ts'
import { keepFeatures } from '../processes/model-features.ts'
import { type ModelSetup, modelSetup } from '../processes/model-setup.ts'
import { type ParameterFold, parameterFolds } from '../processes/parameter-folds.ts'
import { specBlob } from '../processes/promoted-model.ts'
import { type RunFacts, readRun, runFiles } from './training/run-folder.ts'

/** What a command changes a deployment's models by. */
export interface ModelSources {
  readonly log: Log
  readonly blobs: BlobStore
  readonly runtime: Runtime
}

export interface InstalledRun {
  readonly model: string
  readonly run: string
  /** Offset of `examples` that the model goes on from; null: it folds all that the log holds. */
  readonly from: number | null
}

/** Throws usage where the run cannot become a model of this deployment, saying what to change. */
export async function installRun(folder: string, config: Config, sources: ModelSources): Promise<InstalledRun> {
  const run = finishedRun(folder)
  const spec = readFileSync(join(folder, runFiles.spec))
  const ofRun: Config = { ...config, model: { ...config.model, spec: join(folder, runFiles.spec) } }
  const setup = modelSetup(ofRun)
  checkFeatures(run, setup.features.fingerprint)
  const { model } = setup.spec
  const fold = await checkUnlearned(ofRun, setup, sources.blobs)
  for (const topic of engineTopics(ofRun, model)) await sources.log.ensureTopic(topic)
  const from = await installedFrom(run, folder, fold, config, sources)
  await sources.blobs.put(specBlob(model), [spec])
  await keepFeatures(setup, sources.blobs)
  return { model, run: run.name, from }
}

/** The first fold of a model that has no checkpoint yet. Throws usage for one that has. */
export async function checkUnlearned(config: Config, setup: ModelSetup, blobs: BlobStore): Promise<ParameterFold> {
  const { model } = setup.spec
  const [fold] = parameterFolds(config, setup).filter((one) => one.model === model)
  if ((await listCheckpoints(blobs, fold!.owner)).length === 0) return fold!
  throw new FreshetError(
    'usage',
    `${model} has learned here already; give the spec another "model" name, or go on with what it learned: --model ${model}`,
  )
}

/** The name of the model that the run has learned. */
export function modelOfRun(folder: string, config: Config): string {
  finishedRun(folder)
  return modelSetup({ ...config, model: { ...config.model, spec: join(folder, runFiles.spec) } }).spec.model
}

function finishedRun(folder: string): RunFacts {
  const run = readRun(folder)
  if (run?.finished) return run
  throw new FreshetError('usage', `${folder} holds no finished run; freshet train makes one`)
}

function checkFeatures({ settings }: RunFacts, fingerprint: string): void {
  if (settings.featureSet === fingerprint) return
  throw new FreshetError(
    'usage',
    `this run learned feature set ${settings.featureSet}, the configured features are ${fingerprint}: put a new feature into ` +
      'streams/features/default-features.ts at its end, or set model.excludedFeatures',
  )
}

/** Makes the run's state the model's first checkpoint and snapshot. Null where offsets of the run are not those of the log. */
async function installedFrom(
  { settings, finished }: RunFacts,
  folder: string,
  fold: ParameterFold,
  config: Config,
  { log, blobs, runtime }: ModelSources,
): Promise<number | null> {
  const { input } = settings
  if (config.learning.mode === 'distributed' || input.kind !== 'log' || input.ranges.length > 1) return null
  const { next } = finished!.weights
  const { latest } = await log.bounds({ topic: examples, partition: partitionOf(0) })
  const state = readFileSync(join(folder, runFiles.weights))
  if (next > latest || checksum(state) !== finished!.weights.checksum) {
    throw new FreshetError('usage', `${folder} is of another log, or its weights were changed; train on this log`)
  }
  const stored = await putCheckpoint(blobs, fold.owner, { next: offsetOf(next), inputSource: null, outputs: [] }, [
    state,
  ])
  const { version, lineage } = ownedStateOf(state)
  const nowMs = runtime.clock.nowMs()
  const value = encode({
    type: 'SnapshotTaken',
    model: fold.model,
    bucket: fold.bucket,
    epoch: 0,
    version,
    blob: stored.blob,
    bytes: stored.byteLength,
    checksum: stored.checksum,
    offsets: { [`${examples}/0`]: next },
    eventTimeMs: nowMs,
    lineage,
  })
  await log.append(snapshotsOf(fold.model), [{ key: `snapshot/${fold.bucket}`, value, timestampMs: nowMs }])
  return next
}
