// The features under which a model learned, kept beside its spec: a promoted model never starts under others, where none of
// its weights would fit and it would serve as one that knows nothing.
import type { Log } from '../../streams/log/log.ts'
import { FreshetError } from '../../streams/runtime/errors.ts'
import type { BlobStore } from '../../streams/stores/blob-store.ts'
import type { Config } from '../config/config.ts'
import { readBlobs, writtenBlobs } from './blob-folder.ts'
import { type ModelSetup, modelSetup } from './model-setup.ts'
import { promotedModel } from './promoted-model.ts'
import { type Role, rolesOf } from './roles.ts'
import { checkFits } from './spec-file.ts'

/** As they lie in the blob store. */
interface LearnedFeatures {
  readonly featureSet: string
  readonly names: readonly string[]
}

const learning: readonly Role[] = ['learning', 'trainer', 'shard']
const featuresBlob = (model: string): string => `models/${model}.features.json`

export async function keepFeatures({ spec, features }: ModelSetup, blobs: Pick<BlobStore, 'put'>): Promise<void> {
  const kept: LearnedFeatures = {
    featureSet: features.fingerprint,
    names: features.features.map(({ name }) => name),
  }
  await blobs.put(featuresBlob(spec.model), [new TextEncoder().encode(JSON.stringify(kept))])
}

/** What differs and what to do; null where the model learned under these features, or nothing is known of it. */
export async function otherFeatures(
  { spec: { model }, features }: ModelSetup,
  blobs: Pick<BlobStore, 'get'>,
): Promise<string | null> {
  const learned = await learnedFeatures(model, blobs)
  if (learned === null || learned.featureSet === features.fingerprint) return null
  const names = features.features.map(({ name }) => name)
  const lacks = learned.names.filter((name) => !names.includes(name))
  const more = names.filter((name) => !learned.names.includes(name))
  const parts = [
    ...(lacks.length > 0 ? [`which has no ${lacks.join(', ')}`] : []),
    ...(more.length > 0 ? [`which has ${more.join(', ')} besides`] : []),
  ]
  const differ = parts.length > 0 ? parts.join(' and ') : 'in another order or of another shape'
  return (
    `${model} learned under feature set ${learned.featureSet}, this code and configuration make ${features.fingerprint}, ${differ}. ` +
    'Make streams/features/default-features.ts (in order) and model.excludedFeatures what they were then, or promote a model ' +
    'that learned under these: freshet model promote'
  )
}

/** Throws config-invalid for a promoted model under other features than it learned, and for a spec that does not fit them; a
 *  process that learns keeps those of a model that starts first. */
export async function checkModelFeatures(
  log: Pick<Log, 'bounds' | 'openReader' | 'topics'>,
  config: Config,
  roles: ReadonlySet<Role> = rolesOf(config),
): Promise<void> {
  const setup = modelSetup(config)
  const different = await otherFeatures(setup, readBlobs(config))
  if (different !== null && (await promotedModel(log)) !== null) throw new FreshetError('config-invalid', different)
  if (config.model.spec !== '') checkFits(config.model.spec, setup.spec, setup.features)
  if (!learning.some((role) => roles.has(role))) return
  // Not promoted: it begins anew, as a model of the configuration does whenever its features change.
  const known = await learnedFeatures(setup.spec.model, readBlobs(config))
  if (known === null || different !== null) await keepFeatures(setup, writtenBlobs(config, 'features'))
}

async function learnedFeatures(model: string, blobs: Pick<BlobStore, 'get'>): Promise<LearnedFeatures | null> {
  try {
    return JSON.parse(new TextDecoder().decode(await blobs.get(featuresBlob(model)))) as LearnedFeatures
  } catch (error) {
    if (error instanceof FreshetError && error.code === 'blob-missing') return null
    throw error
  }
}
