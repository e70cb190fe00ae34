// The model and the features that a configuration names: the same in the thread that learns and in those that serve.
import { selectFeatures } from '../../streams/features/default-features.ts'
import { type FeatureSet, featureSet } from '../../streams/features/feature-set.ts'
import type { ModelSpec } from '../../trainers/model/model-spec.ts'
import { foryouSpec } from '../../trainers/model/shipped-specs.ts'
import type { Config } from '../config/config.ts'
import { readSpecFile } from './spec-file.ts'

export interface ModelSetup {
  readonly spec: ModelSpec
  readonly features: FeatureSet
}

/** Throws config-invalid, naming the file or the feature. */
export function modelSetup(config: Config): ModelSetup {
  return {
    spec: config.model.spec === '' ? foryouSpec : readSpecFile(config.model.spec),
    features: featureSet(selectFeatures({ exclude: config.model.excludedFeatures })),
  }
}
