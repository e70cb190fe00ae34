// Users as of the start of the day: what the day did to a user is not seen, in features, in rows and in the number that is
// printed.
import assert from 'node:assert/strict'
import { before, describe, test } from 'node:test'
import type { RowId } from '../../../schemas/ids.ts'
import { heads } from '../../../schemas/labels.ts'
import { decodeFeatureRow, encodeFeatureRow, type FeatureRow } from '../../../schemas/layouts/feature-row.ts'
import { countDimension } from '../../../streams/features/count-columns.ts'
import { countIncrements } from '../../../streams/features/count-increments.ts'
import { defaultFeatures } from '../../../streams/features/default-features.ts'
import type { CountReader } from '../../../streams/features/feature.ts'
import {
  CountsByRow,
  contextFixture,
  exampleFixture,
  videoFixture,
} from '../../../streams/features/feature-fixtures.ts'
import { featureSet } from '../../../streams/features/feature-set.ts'
import { emptyHistory } from '../../../streams/features/history.ts'
import { unknownUser } from '../../../streams/features/user-facts.ts'
import { withinGroups } from '../../../trainers/evaluation/scored-report.ts'
import { everyone } from '../../../trainers/evaluation/user-bootstrap.ts'
import { denseCompute } from '../../../trainers/model/compute.ts'
import { foryouSpec } from '../../../trainers/model/shipped-specs.ts'
import { onlineTrainer } from '../../../trainers/online-trainer.ts'
import { wasmTable } from '../../../trainers/table/wasm-table.ts'
import { evaluateImport, type ImportEvaluationOptions } from './evaluate-import.ts'
import { type EvenWorldOptions, evenWorld, worldDayMs, worldStartMs } from './even-world.ts'
import { FrozenUsers } from './frozen-users.ts'
import { StartOfDayRows } from './start-of-day-rows.ts'
import { userKeyedSlots, userToldEntrySlots, userToldSlots } from './user-slots.ts'

const features = featureSet(defaultFeatures)

const settingsOf = (world: EvenWorldOptions): ImportEvaluationOptions => ({
  files: evenWorld(world),
  spec: foryouSpec,
  features,
  tableFactory: wasmTable,
  scoreFromMs: worldStartMs + (world.days - 1) * worldDayMs,
  utcOffsetMs: 0,
  retrieval: null,
  intervalMs: 1_800_000,
  labelsDelayedMs: 0,
  frozen: true,
})

before(() => denseCompute())

describe('user-keyed slots', () => {
  const { query, entry } = userKeyedSlots(features)
  const names = new Set([...query, ...entry].map(({ name }) => name))

  test('are the user and what is crossed with it: all slots of user-side tables, and no other', () => {
    const userTables = new Set(foryouSpec.tables.filter(({ side }) => side === 'user').map(({ name }) => name))
    const userSide = foryouSpec.slots.filter(({ table }) => userTables.has(table)).map(({ name }) => name)
    for (const name of userSide) assert.ok(names.has(name), name)
    for (const name of ['surface', 'video', 'creator', 'recentPositive', 'hour']) assert.ok(!names.has(name), name)
  })

  test('hold every count row that one user alone moves', () => {
    const [mine, others] = ['me', 'someone else'].map((userId) => {
      const context = contextFixture({ user: unknownUser(userId) })
      const example = { ...exampleFixture(features, context, videoFixture(), new Float32Array(heads.length)), userId }
      const rows = [decodeFeatureRow(example.queryFeatures), decodeFeatureRow(example.features)] as const
      const keyed = [...idsIn(rows[0], query), ...idsIn(rows[1], entry)]
      return { moved: countIncrements(example, features).map(({ id }) => id), keyed: new Set<bigint>(keyed) }
    })
    const alone = mine!.moved.filter((id) => !others!.moved.includes(id))
    assert.ok(alone.length >= 4)
    for (const id of alone)
      assert.ok(mine!.keyed.has(id), `row ${id} is moved by one user and is in no slot of its own`)
    for (const id of others!.moved) assert.ok(!mine!.keyed.has(id))
  })
})

test('slots that tell of a user are those of name, profile and history, and not those of the place and the hour', () => {
  const told = userToldSlots(features).map(({ name }) => name)
  const attributes = features.query.slots.map(({ name }) => name).filter((name) => name.startsWith('userAttributes.'))
  assert.ok(attributes.length > 0)
  const others = ['user', 'userXsurface', 'region', 'language', 'interests', 'recentPositive', 'recentNegative']
  assert.deepEqual([...told].sort(), [...attributes, ...others].sort())
})

test('what the side of the video tells of a user lies in tables of users', () => {
  const tableOf = new Map(foryouSpec.slots.map(({ name, table }) => [name, table]))
  const userTables = new Set(foryouSpec.tables.filter(({ side }) => side === 'user').map(({ name }) => name))
  const told = userToldEntrySlots(features).map(({ name }) => name)
  assert.ok(told.includes('userXcreator'))
  for (const name of told) assert.ok(userTables.has(tableOf.get(name)!), name)
})

test('rows of the start of the day are read where they tell of a user, those of now where a video is shown', () => {
  const { shard: parameters } = onlineTrainer({ spec: foryouSpec, featureSet: features, tableFactory: wasmTable })
  const [history] = features.query.slots.filter(({ name }) => name === 'recentPositive')
  const rows = new StartOfDayRows({ tableFactory: wasmTable, parameters, userSlots: [history!] })
  const dimension = 16
  const move = (table: string, id: bigint) => {
    const gradient = new Float32Array(dimension).fill(1)
    parameters.push(table, BigUint64Array.of(id), 1, gradient, Float64Array.of(1))
  }
  const current = (table: string, id: bigint) => {
    const out = new Float32Array(dimension)
    parameters.pull(table, BigUint64Array.of(id), 1, out)
    return out
  }
  const [video, newVideo, cross] = [5n, 6n, 7n]
  move('item', video)
  move('user', cross)
  const before = { video: current('item', video), newVideo: current('item', newVideo), cross: current('user', cross) }
  rows.startDay()
  for (const id of [video, newVideo]) move('item', id)
  move('user', cross)

  const ids = new BigUint64Array(features.query.idCount)
  ids.set([video, newVideo], history!.start)
  const named = decodeFeatureRow(rows.named(encodeFeatureRow(ids, new Float32Array(0)))).ids
  const asked = BigUint64Array.of(video, ...named.subarray(history!.start, history!.start + 2))
  const pulled = new Float32Array(3 * dimension)
  rows.pull('item', asked, 3, pulled)
  assert.deepEqual([...pulled], [...current('item', video), ...before.video, ...before.newVideo])
  rows.pull('user', BigUint64Array.of(cross), 1, pulled)
  assert.deepEqual([...pulled.subarray(0, dimension)], [...before.cross])
  assert.notDeepEqual(current('item', newVideo), before.newVideo)
  assert.notDeepEqual(current('user', cross), before.cross)
})

describe('frozen users', () => {
  const world: EvenWorldOptions = { users: 80, days: 2, rowsPerDay: 6, videos: 20, seed: 11, areDescribed: true }

  // So few users show that something is frozen; that everything is, the noise below and the rows above tell.
  test('order i.i.d. outcomes of a day no better than chance, where users as they are do worse', () => {
    const { intervals } = evaluateImport(settingsOf({ ...world, users: 200 }))
    const days = intervals.rows.userDays(0)
    const users = everyone(intervals.rows.userNames.names.length)
    const frozen = withinGroups(intervals.rows, days, true).longView.auc(users)
    const current = withinGroups(intervals.rows, days, false).longView.auc(users)
    assert.ok(Math.abs(frozen - 0.5) < 0.08, `${frozen}`)
    assert.ok(current < 0.4, `${current}`)
  })

  test('have the counts of each start of a day, not those of the first', () => {
    const counts = new CountsByRow()
    const { shard: parameters } = onlineTrainer({ spec: foryouSpec, featureSet: features, tableFactory: wasmTable })
    const frozen = new FrozenUsers({ features, tableFactory: wasmTable, counts, parameters })
    const labels = new Float32Array(heads.length).fill(1)
    const example = exampleFixture(features, contextFixture(), videoFixture(), labels)
    const increments = countIncrements(example, features)
    const own = idsIn(decodeFeatureRow(example.queryFeatures), userKeyedSlots(features).query).next().value as RowId
    const outcomesIn = (reader: CountReader): number => {
      const row = new Float32Array(countDimension)
      reader.read('totals', own, row)
      return row[0]!
    }
    for (let day = 0; day < 3; day++) {
      frozen.startDay()
      for (let row = 0; row < 2; row++) {
        frozen.keepCounts(example)
        counts.push(increments, day * worldDayMs)
        const view = frozen.viewOf(example.userId, emptyHistory)
        assert.deepEqual([outcomesIn(view.counts), outcomesIn(counts)], [2 * day, 2 * day + row + 1])
      }
    }
  })

  test("do not change when the user's outcomes of the day are replaced by noise", () => {
    const [real, noisy] = [false, true].map((noise) => {
      const isLong: NonNullable<EvenWorldOptions['isLong']> = (userId, day, drawn) =>
        noise && userId === 'user 7' && day === world.days - 1 ? !drawn : drawn
      const { rows } = evaluateImport(settingsOf({ ...world, isLong })).intervals
      const own = rows.users.map((user) => rows.userNames.names[user] === 'user 7')
      const ofUser = (column: Float32Array) => column.filter((_, row) => own[row])
      return { frozen: ofUser(rows.frozen('longView')), current: ofUser(rows.predictions('longView')) }
    })
    assert.equal(real!.frozen.length, world.rowsPerDay)
    // What all users share (means, weights of the network, rows of videos) moves by one outcome among hundreds.
    const frozenMoved = furthest(real!.frozen, noisy!.frozen)
    const currentMoved = furthest(real!.current, noisy!.current)
    assert.ok(frozenMoved < currentMoved / 8, `${frozenMoved}, ${currentMoved} without freezing`)
  })
})

function furthest(one: Float32Array, other: Float32Array): number {
  return Math.max(...one.map((value, row) => Math.abs(value - other[row]!)))
}

function* idsIn(
  row: FeatureRow,
  slots: readonly { readonly start: number; readonly width: number }[],
): Generator<RowId> {
  for (const { start, width } of slots) for (const id of row.ids.subarray(start, start + width)) yield id as RowId
}
