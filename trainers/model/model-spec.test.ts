// Specs are refused by the field that is wrong, the shipped ones fit the default features, and patterns choose dense values.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { heads } from '../../schemas/labels.ts'
import { countDimension, trendHalfLifeMs } from '../../streams/features/count-columns.ts'
import { defaultFeatures } from '../../streams/features/default-features.ts'
import { featureSet } from '../../streams/features/feature-set.ts'
import { FreshetError } from '../../streams/runtime/errors.ts'
import { modelLayout } from './model-layout.ts'
import { type ModelSpec, modelSpec } from './model-spec.ts'
import { sampleFeatures, sampleSpec } from './sample-features.ts'
import { countsSpec, foryouSpec } from './shipped-specs.ts'

const { ranker, towers } = sampleSpec
const refusal = (change: object, field: string) => {
  assert.throws(
    () => modelSpec({ ...structuredClone(sampleSpec), ...change }),
    (error: unknown) => {
      assert.ok(error instanceof FreshetError)
      assert.equal(error.code, 'config-invalid')
      assert.ok(error.message.includes(field), `${error.message} names ${field}`)
      return true
    },
  )
}

const without = (value: object, key: string) =>
  Object.fromEntries(Object.entries(value).filter(([name]) => name !== key))

describe('model spec', () => {
  test('an unknown name is refused with its field', () => {
    refusal({ rnaker: 1 }, 'rnaker: no such key; did you mean ranker?')
    refusal({ wings: 1 }, 'wings: no such key; known are model, seed, tables')
    refusal(
      { ranker: { ...ranker, hidden: undefined, hiden: [64] } },
      'ranker.hiden: no such key; did you mean hidden?',
    )
    refusal({ towers: without(towers!, 'hidden') }, 'towers.hidden: is missing')
    refusal({ ranker: { ...ranker, interactions: ['pair'] } }, 'ranker.interactions[0]: must be one of pairs, history')
    refusal({ tables: [{ ...sampleSpec.tables[0], dimension: 0 }] }, 'tables[0].dimension')
    refusal({ tables: [{ ...sampleSpec.tables[0], side: 'users' }] }, 'tables[0].side: must be one of item, user')
    const optimizer = { kind: 'adagrd', learningRate: 0.1 }
    refusal({ tables: [{ ...sampleSpec.tables[0], optimizer }] }, 'tables[0].optimizer.kind: must be one of adagrad')
    refusal({ tables: [{ ...sampleSpec.tables[0], optimizer: { kind: 'sgd' } }] }, 'optimizer.learningRate: is missing')
    refusal({ tables: [sampleSpec.tables[0], sampleSpec.tables[0]] }, 'tables[1].name')
    refusal({ slots: [{ name: 'user', table: 'usr' }] }, 'slots[0].table')
    refusal({ slots: [...sampleSpec.slots, { name: 'x', table: 'item', share: 'vdieo' }] }, 'slots[7].share')
    refusal({ slots: [...sampleSpec.slots, { name: 'x', table: 'user', share: 'video' }] }, 'slots[7].share')
    refusal({ ranker: { ...ranker, slots: ['video', 'nobody'] } }, 'ranker.slots[1]')
    refusal({ ranker: { ...ranker, headBiases: { likes: 1 } } }, 'ranker.headBiases.likes')
    refusal({ ranker: { ...ranker, history: { query: 'video', entry: 'nobody' } } }, 'ranker.history.entry')
    refusal({ towers: { ...towers, positives: ['liked'] } }, 'towers.positives[0]')
    refusal({ towers: { ...towers, table: 'nobody' } }, 'towers.table')
    refusal({ towers: { ...towers, temperature: 0 } }, 'towers.temperature')
    refusal({ model: 'Not A Name' }, 'model')
  })

  test('a slot that no feature writes is refused where spec and features meet', () => {
    const slots = [...sampleSpec.slots, { name: 'weather', table: 'item' }]
    const spec = modelSpec({ ...sampleSpec, slots, ranker: { ...ranker, slots: [...ranker!.slots, 'weather'] } })
    assert.throws(() => modelLayout(spec, sampleFeatures), /weather/)
  })

  test('the shipped model takes every default slot, and dense values by their patterns', () => {
    const features = featureSet(defaultFeatures)
    const layout = modelLayout(foryouSpec, features)
    const slots = [...features.query.slots, ...features.entry.slots].map(({ name }) => name)
    assert.deepEqual([...foryouSpec.ranker!.slots].sort(), slots.sort())
    const content = features.entry.denseNames.filter((name) => name.startsWith('content.'))
    assert.equal(layout.towers.entry.denseSources.length, content.length)
    assert.equal(content.length, 64)
    assert.equal(layout.ranker.entry.denseSources.length, features.entry.denseNames.length - content.length)
    assert.deepEqual(Object.keys(foryouSpec.ranker!.headBiases).sort(), [...heads].sort())
    assert.ok(!foryouSpec.towers!.slots.includes('user'))
  })

  test('the tables of counts have the columns and the half-life of the features', () => {
    for (const { dimension, initialScale } of countsSpec.tables)
      assert.deepEqual([dimension, initialScale], [countDimension, 0])
    const trends = countsSpec.tables.find(({ name }) => name === 'trends')!.optimizer
    assert.deepEqual(trends, { kind: 'decayed-sum', halfLifeMs: trendHalfLifeMs })
  })

  test('a star stands for any text, and what is excluded wins', () => {
    const chosen = (include: string[], exclude: string[]) => {
      const spec = { ...sampleSpec, ranker: { ...ranker!, entryDense: { include, exclude } } } as ModelSpec
      const { denseSources } = modelLayout(spec, sampleFeatures).ranker.entry
      return [...denseSources].map((index) => sampleFeatures.entry.denseNames[index])
    }
    assert.deepEqual(chosen(['*'], []), ['video.duration', 'content.0', 'content.1'])
    assert.deepEqual(chosen(['*'], ['content.*']), ['video.duration'])
    assert.deepEqual(chosen(['*.0', 'v*d*n'], []), ['video.duration', 'content.0'])
    assert.deepEqual(chosen(['content.1'], []), ['content.1'])
    assert.deepEqual(chosen(['content.1*1'], []), [])
  })
})
