// A promotion as an event: from their next start on all processes run this model. One that was trained by a run begins with
// the run's weights, where they are a state that the live trainer could have come to; else it folds what the log holds.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { encode } from '../../schemas/codec.ts'
import type { ModelPromoted } from '../../schemas/generated.ts'
import { checksum } from '../../schemas/ids.ts'
import { examples, policies, snapshotsOf } from '../../schemas/topics.ts'
import { type Log, offsetOf, partitionOf } from '../../streams/log/log.ts'
import { listCheckpoints } from '../../streams/processor/checkpoint.ts'
import { putCheckpoint } from '../../streams/processor/checkpoint-keeping.ts'
import { FreshetError } from '../../streams/runtime/errors.ts'
import type { Runtime } from '../../streams/runtime/runtime.ts'
import type { BlobStore } from '../../streams/stores/blob-store.ts'
import { ownedStateOf } from '../../trainers/parameter-server/owned-bucket.ts'
import type { Config } from '../config/config.ts'
import { engineTopics } from '../processes/engine-topics.ts'
import { modelSetup } from '../processes/model-setup.ts'
import { type ParameterFold, parameterFolds } from '../processes/parameter-folds.ts'
import { specBlob } from '../processes/promoted-model.ts'
import { type RunFacts, readRun, runFiles } from './training/run-folder.ts'

export interface PromotionSources {
  readonly log: Log
  readonly blobs: BlobStore
  readonly runtime: Runtime
}

export interface Promotion {
  readonly event: ModelPromoted
  /** Offset of `examples` that the model goes on from; null: it folds all that the log holds. */
  readonly from: number | null
}

/** Throws usage where the run cannot become the model of this deployment, saying what to change. */
export async function promoteRun(folder: string, config: Config, sources: PromotionSources): Promise<Promotion> {
  const run = finishedRun(folder)
  const spec = readFileSync(join(folder, runFiles.spec))
  const ofRun: Config = { ...config, model: { ...config.model, spec: join(folder, runFiles.spec) } }
  const setup = modelSetup(ofRun)
  checkFeatures(run, setup.features.fingerprint)
  const { model } = setup.spec
  const [fold] = parameterFolds(ofRun, setup).filter((one) => one.model === model)
  if ((await listCheckpoints(sources.blobs, fold!.owner)).length > 0) {
    throw new FreshetError(
      'usage',
      `${model} has learned here already; give the spec another "model" name and train again`,
    )
  }
  for (const topic of engineTopics(ofRun, model)) await sources.log.ensureTopic(topic)
  const from = await installedFrom(run, folder, fold!, config, sources)
  await sources.blobs.put(specBlob(model), [spec])
  return { event: await promoted(model, `freshet model promote --run ${run.name}`, sources), from }
}

/** A model that was promoted before, or that the configuration names. */
export async function promoteKnown(model: string, config: Config, sources: PromotionSources): Promise<Promotion> {
  if (modelSetup(config).spec.model !== model) await sources.blobs.get(specBlob(model))
  return { event: await promoted(model, 'freshet model promote', sources), from: null }
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
  { log, blobs, runtime }: PromotionSources,
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

async function promoted(model: string, by: string, { log, runtime }: PromotionSources): Promise<ModelPromoted> {
  const nowMs = runtime.clock.nowMs()
  const event: ModelPromoted = {
    type: 'ModelPromoted',
    eventId: runtime.randomness.id(),
    eventTimeMs: nowMs,
    receivedTimeMs: nowMs,
    model,
    by,
  }
  const record = { key: `promotion/${model}`, value: encode(event), timestampMs: nowMs, eventId: event.eventId }
  await log.append(policies, [record])
  return event
}
