// What a model is, as a file says it: tables, which slot reads which table, the ranker and the towers. A spec that was
// parsed here holds no unknown name, no dangling reference and no number out of its range.
import Type, { type Static } from 'typebox'
import { heads } from '../../schemas/labels.ts'
import { FreshetError } from '../../streams/runtime/errors.ts'
import { shapeProblem } from './spec-shape.ts'

const closed = { additionalProperties: false } as const
const positive = Type.Number({ exclusiveMinimum: 0 })

const optimizerSchema = Type.Union([
  Type.Object(
    {
      kind: Type.Literal('adagrad'),
      learningRate: positive,
      initialAccumulator: Type.Number({ minimum: 0 }),
      epsilon: Type.Number({ minimum: 0 }),
    },
    closed,
  ),
  Type.Object(
    {
      kind: Type.Literal('rowwise-adagrad'),
      learningRate: positive,
      initialAccumulator: Type.Number({ minimum: 0 }),
      epsilon: Type.Number({ minimum: 0 }),
    },
    closed,
  ),
  Type.Object(
    {
      kind: Type.Literal('adam'),
      learningRate: positive,
      beta1: Type.Number({ minimum: 0, exclusiveMaximum: 1 }),
      beta2: Type.Number({ minimum: 0, exclusiveMaximum: 1 }),
      epsilon: positive,
    },
    closed,
  ),
  Type.Object(
    {
      kind: Type.Literal('ftrl'),
      alpha: positive,
      beta: positive,
      l1: Type.Number({ minimum: 0 }),
      l2: Type.Number({ minimum: 0 }),
    },
    closed,
  ),
  Type.Object({ kind: Type.Literal('sgd'), learningRate: positive }, closed),
  Type.Object({ kind: Type.Literal('sum') }, closed),
  Type.Object({ kind: Type.Literal('decayed-sum'), halfLifeMs: positive }, closed),
])

const tableSchema = Type.Object(
  {
    name: Type.String({ minLength: 1 }),
    /** user: buckets are user partitions; item: buckets are fixed shares of the ids. */
    side: Type.Union([Type.Literal('item'), Type.Literal('user')]),
    dimension: Type.Integer({ minimum: 1, maximum: 256 }),
    optimizer: optimizerSchema,
    initialScale: Type.Number({ minimum: 0 }),
    seed: Type.Integer({ minimum: 0 }),
    rowsMax: Type.Integer({ minimum: 1 }),
    /** An id gets its row with this many occurrences; so many ids without a row are remembered. Null: at once. */
    admission: Type.Optional(
      Type.Union([
        Type.Object(
          {
            occurrences: Type.Integer({ minimum: 1, maximum: 65_535 }),
            counters: Type.Integer({ minimum: 1, maximum: 2 ** 28 }),
          },
          closed,
        ),
        Type.Null(),
      ]),
    ),
    /** Rows without a push for so long, in event time, are removed. Null: never. */
    expiresAfterMs: Type.Optional(Type.Union([Type.Number({ minimum: 0 }), Type.Null()])),
  },
  closed,
)

const slotSchema = Type.Object(
  {
    name: Type.String({ minLength: 1 }),
    table: Type.String(),
    /** The ids of this slot are row ids of that other slot: one row serves both. */
    share: Type.Optional(Type.String()),
  },
  closed,
)

/** Names of dense values; '*' stands for any text. Excluded names win. */
const denseChoiceSchema = Type.Object(
  { include: Type.Array(Type.String()), exclude: Type.Array(Type.String()) },
  closed,
)

const denseOptimizerSchema = Type.Object({ learningRate: positive, initialAccumulator: positive }, closed)

const interactionSchema = Type.Union([Type.Literal('pairs'), Type.Literal('history'), Type.Literal('attention')])

const rankerSchema = Type.Object(
  {
    slots: Type.Array(Type.String(), { minItems: 1 }),
    queryDense: denseChoiceSchema,
    entryDense: denseChoiceSchema,
    /** The mean of the query slot meets the entry slot: product and dot enter the network. */
    history: Type.Object({ query: Type.String(), entry: Type.String() }, closed),
    /** Terms of where the two sides meet; where absent, pairs and history. pairs: the factorization term of all slots. history: see
     *  there. attention: the history's ids each by themselves, each with its share, instead of their mean. */
    interactions: Type.Optional(Type.Array(interactionSchema, { uniqueItems: true })),
    /** Cross layers (DCN-v2) over a projection of both sides as wide as the first hidden layer. */
    crossLayers: Type.Optional(Type.Integer({ minimum: 0, maximum: 8 })),
    /** So many towers of hidden layers, mixed by a gate of each head (MMoE); where absent, 1: all heads share one. */
    experts: Type.Optional(Type.Integer({ minimum: 1, maximum: 16 })),
    /** Whether everything also goes straight into the logits, linearly; true where absent. */
    wide: Type.Optional(Type.Boolean()),
    hidden: Type.Array(Type.Integer({ minimum: 1, maximum: 1_024 }), { minItems: 1 }),
    /** Start of each head's bias: the logit of its base rate, for watchTime the mean of log1p(seconds). */
    headBiases: Type.Record(Type.String(), Type.Number()),
    optimizer: denseOptimizerSchema,
  },
  closed,
)

const towersSchema = Type.Object(
  {
    table: Type.String(),
    slots: Type.Array(Type.String(), { minItems: 1 }),
    queryDense: denseChoiceSchema,
    entryDense: denseChoiceSchema,
    hidden: Type.Integer({ minimum: 1, maximum: 1_024 }),
    dimension: Type.Integer({ minimum: 2, maximum: 256 }),
    temperature: positive,
    /** A row is a positive of retrieval when any of these labels is 1. */
    positives: Type.Array(Type.String(), { minItems: 1 }),
    frequency: Type.Object(
      {
        learningRate: positive,
        buckets: Type.Integer({ minimum: 1 }),
        /** Share of the logarithm of how often a video is drawn that is a prior of its logit, added when videos are looked
         *  for. The log-Q correction takes off what is left: at 0 (where absent) the towers learn all of it, at 1 none. */
        prior: Type.Optional(Type.Number({ minimum: 0, maximum: 1 })),
      },
      closed,
    ),
    optimizer: denseOptimizerSchema,
  },
  closed,
)

const specSchema = Type.Object(
  {
    model: Type.String({ pattern: '^[a-z][a-z0-9-]*$' }),
    seed: Type.Integer({ minimum: 0 }),
    tables: Type.Array(tableSchema, { minItems: 1 }),
    slots: Type.Array(slotSchema),
    ranker: Type.Union([rankerSchema, Type.Null()]),
    towers: Type.Union([towersSchema, Type.Null()]),
  },
  closed,
)

export type ModelSpec = Static<typeof specSchema>
export type ModelTableSpec = Static<typeof tableSchema>
export type RankerSpec = Static<typeof rankerSchema>
export type TowersSpec = Static<typeof towersSchema>
export type Interaction = Static<typeof interactionSchema>
export type DenseChoice = Static<typeof denseChoiceSchema>

export const defaultInteractions: Interaction[] = ['pairs', 'history']

/** Checks a parsed JSON value. Throws config-invalid, naming the field. */
export function modelSpec(value: unknown): ModelSpec {
  const problem = shapeProblem(specSchema, value)
  if (problem) refuse(problem.field || 'the whole', problem.reason)
  const spec = value as ModelSpec
  const tables = distinct(spec.tables, 'tables')
  const slots = distinct(spec.slots, 'slots')
  for (const [index, slot] of spec.slots.entries()) {
    known(tables, slot.table, `slots[${index}].table`)
    if (slot.share === undefined) continue
    known(slots, slot.share, `slots[${index}].share`)
    const shared = spec.slots.find((other) => other.name === slot.share)!
    if (shared.table !== slot.table) refuse(`slots[${index}].share`, `slot ${shared.name} is of table ${shared.table}`)
  }
  if (spec.ranker) checkRanker(spec.ranker, spec, slots)
  if (spec.towers) checkTowers(spec.towers, slots, tables)
  return spec
}

function checkRanker(ranker: RankerSpec, spec: ModelSpec, slots: Set<string>): void {
  for (const [index, slot] of ranker.slots.entries()) known(slots, slot, `ranker.slots[${index}]`)
  known(new Set(ranker.slots), ranker.history.query, 'ranker.history.query')
  known(new Set(ranker.slots), ranker.history.entry, 'ranker.history.entry')
  for (const head of Object.keys(ranker.headBiases)) known(new Set(heads), head, `ranker.headBiases.${head}`)
  const dimensions = new Set(
    ranker.slots.map((name) => {
      const slot = spec.slots.find((other) => other.name === name)!
      return spec.tables.find((table) => table.name === slot.table)!.dimension
    }),
  )
  if (dimensions.size > 1) refuse('ranker.slots', 'all of its tables need one dimension')
}

function checkTowers(towers: TowersSpec, slots: Set<string>, tables: Set<string>): void {
  known(tables, towers.table, 'towers.table')
  for (const [index, slot] of towers.slots.entries()) known(slots, slot, `towers.slots[${index}]`)
  for (const [index, head] of towers.positives.entries()) known(new Set(heads), head, `towers.positives[${index}]`)
}

function distinct(entries: readonly { readonly name: string }[], field: string): Set<string> {
  const names = new Set<string>()
  for (const [index, { name }] of entries.entries()) {
    if (names.has(name)) refuse(`${field}[${index}].name`, `${name} is there twice`)
    names.add(name)
  }
  return names
}

function known(names: Set<string>, name: string, field: string): void {
  if (!names.has(name)) refuse(field, `unknown name ${name}; known are ${[...names].join(', ')}`)
}

function refuse(field: string, reason: string): never {
  throw new FreshetError(
    'config-invalid',
    `model spec, ${field}: ${reason}${reason.endsWith('?') ? '' : '.'} Correct that field.`,
    {
      details: { field },
    },
  )
}
