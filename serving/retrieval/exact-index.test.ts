// The exact index passes the suite with nothing missed.
import { exactIndex } from './exact-index.ts'
import { describeVectorIndex } from './vector-index.suite.ts'

describeVectorIndex('exact index', (dimension) => exactIndex({ dimension, vectorsMax: 10_000 }), 1)
