// The model and the features that a configuration names: the same in the thread that learns and in those that serve.
import { readFileSync } from 'node:fs'
import { parse } from 'jsonc-parser'
import { selectFeatures } from '../../streams/features/default-features.ts'
import { type FeatureSet, featureSet } from '../../streams/features/feature-set.ts'
import { FreshetError } from '../../streams/runtime/errors.ts'
import { type ModelSpec, modelSpec } from '../../trainers/model/model-spec.ts'
import { foryouSpec } from '../../trainers/model/shipped-specs.ts'
import type { Config } from '../config/config.ts'

export interface ModelSetup {
  readonly spec: ModelSpec
  readonly features: FeatureSet
}

/** Throws config-invalid, naming the file or the feature. */
export function modelSetup(config: Config): ModelSetup {
  return {
    spec: config.model.spec === '' ? foryouSpec : readSpec(config.model.spec),
    features: featureSet(selectFeatures({ exclude: config.model.excludedFeatures })),
  }
}

function readSpec(path: string): ModelSpec {
  try {
    return modelSpec(parse(readFileSync(path, 'utf8')))
  } catch (cause) {
    if (cause instanceof FreshetError) throw cause
    throw new FreshetError('config-invalid', `model.spec: ${path} cannot be read; name a JSON file`, { cause })
  }
}
