// The models that come with Freshet, checked when this file is first imported.

import { type ModelSpec, modelSpec } from './model-spec.ts'
import counts from './specs/counts.json' with { type: 'json' }
import foryou from './specs/foryou.json' with { type: 'json' }

/** The ranker and the towers of the For You page. */
export const foryouSpec: ModelSpec = modelSpec(foryou)

/** Running and decayed counts: rows like any other, of the columns of streams/features/count-columns.ts. */
export const countsSpec: ModelSpec = modelSpec(counts)
