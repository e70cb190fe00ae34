// What every driver of dense compute must do: each operation against plain loops in doubles, on odd sizes, views and single
// rows, within a stated tolerance.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { ArenaRig, filled, product, rowOf, softmaxOf, sum, transposed } from './arena-rig.ts'
import type { ComputeDriver } from './matrix-arena.ts'

export interface ArenaSuiteOptions {
  /** Of differences from plain loops in doubles, relative to the larger of 1 and the value. */
  readonly tolerance: number
}

const sizes = fc.record({
  seed: fc.integer({ min: 1, max: 2 ** 31 - 1 }),
  rows: fc.integer({ min: 1, max: 70 }),
  depth: fc.integer({ min: 1, max: 37 }),
  columns: fc.integer({ min: 1, max: 37 }),
  groups: fc.integer({ min: 1, max: 5 }),
  width: fc.integer({ min: 1, max: 9 }),
  view: fc.boolean(),
  single: fc.boolean(),
})
type Sizes = typeof sizes extends fc.Arbitrary<infer T> ? T : never

const checks: Readonly<Record<string, (rig: ArenaRig, sizes: Sizes) => void>> = {
  'products, also of transposed operands, with bias, sum and ReLU'(rig, { rows, depth, columns, single }) {
    const { arena } = rig
    const [left, plainLeft] = rig.matrix(rows, depth)
    const [right, plainRight] = rig.matrix(depth, columns)
    const want = product(plainLeft, plainRight)
    rig.expect('plain', arena.multiply(left, right), want)
    const [leftTurned, plainLeftTurned] = rig.matrix(depth, rows)
    const [rightTurned, plainRightTurned] = rig.matrix(columns, depth)
    const turnedLeft = arena.multiply(leftTurned, right, { transposeLeft: true })
    rig.expect('left transposed', turnedLeft, product(transposed(plainLeftTurned), plainRight))
    const turnedRight = arena.multiply(left, rightTurned, { transposeRight: true })
    rig.expect('right transposed', turnedRight, product(plainLeft, transposed(plainRightTurned)))
    const [bias, plainBias] = rig.matrix(1, columns)
    const [plus, plainPlus] = rig.matrix(single ? 1 : rows, columns)
    const rectified = Math.floor(columns / 2)
    const all = filled(rows, columns, (row, column) => {
      const value = want[row]![column]! + plainBias[0]![column]! + rowOf(plainPlus, row)[column]!
      return column < rectified ? Math.max(0, value) : value
    })
    const found = arena.multiply(left, right, { bias, plus, rectified })
    rig.expect('with all that is added', found, all)
    const [above, plainAbove] = rig.matrix(rows, columns)
    const passed = filled(rows, columns, (row, column) => {
      return column >= rectified || all[row]![column]! > 0 ? plainAbove[row]![column]! : 0
    })
    rig.expect('back through the ReLU', arena.throughRelu(above, found, rectified), passed)
  },
  'sums and products by element, sums of columns, parts'(rig, { rows, columns, single }) {
    const { arena } = rig
    const [left, plainLeft] = rig.matrix(rows, columns)
    const [right, plainRight] = rig.matrix(single ? 1 : rows, columns)
    const each = (of: (a: number, b: number) => number) =>
      filled(rows, columns, (row, column) => of(plainLeft[row]![column]!, rowOf(plainRight, row)[column]!))
    rig.expect(
      'sum',
      arena.add(left, right),
      each((a, b) => a + b),
    )
    rig.expect(
      'product',
      arena.multiplyElements(left, right),
      each((a, b) => a * b),
    )
    const totals = filled(1, columns, (_, column) => sum(rows, (row) => plainLeft[row]![column]!))
    rig.expect('columns', arena.sumColumns(left), totals)
    const both = plainLeft.map((row, index) => [...row, ...rowOf(plainRight, index)])
    const beside = arena.concat([left, right])
    rig.expect('concat', beside, both)
    rig.expect(
      'its columns again',
      arena.columns(beside, columns, 2 * columns),
      both.map((row) => row.slice(columns)),
    )
    rig.expect('rows', arena.rows(left, rows - 1, rows), plainLeft.slice(-1))
    const [piece, plainPiece] = rig.matrix(rows, 2)
    const first = arena.accumulate(null, columns + 2, 1, piece)
    const alone = filled(rows, columns + 2, (row, column) => plainPiece[row]![column - 1] ?? 0)
    rig.expect('accumulated', first, alone)
    const more = filled(rows, columns + 2, (row, column) => alone[row]![column]! + (plainLeft[row]![column - 2] ?? 0))
    rig.expect('accumulated on top', arena.accumulate(first, columns + 2, 2, left), more)
  },
  'groups of columns'(rig, { rows, groups, width, single }) {
    const { arena } = rig
    const [values, plainValues] = rig.matrix(rows, groups * width)
    const [vectors, plainVectors] = rig.matrix(single ? 1 : rows, width)
    const [weights, plainWeights] = rig.matrix(single ? 1 : rows, groups)
    const at = (row: number, group: number, column: number) => plainValues[row]![group * width + column]!
    const dots = filled(rows, groups, (row, group) => {
      return sum(width, (column) => at(row, group, column) * rowOf(plainVectors, row)[column]!)
    })
    rig.expect('dots', arena.groupDots(values, vectors), dots)
    const sums = filled(rows, width, (row, column) => {
      return sum(groups, (group) => rowOf(plainWeights, row)[group]! * at(row, group, column))
    })
    rig.expect('sums', arena.groupSums(weights, values), sums)
    const products = filled(weights.rows, groups * width, (row, column) => {
      return rowOf(plainWeights, row)[Math.floor(column / width)]! * rowOf(plainVectors, row)[column % width]!
    })
    rig.expect('products', arena.groupProducts(weights, vectors), products)
    const [more, plainMore] = rig.matrix(single ? 1 : rows, 2 * width)
    const slots = (row: number, column: number) => [
      ...Array.from({ length: groups }, (_, group) => at(row, group, column)),
      rowOf(plainMore, row)[column]!,
      rowOf(plainMore, row)[width + column]!,
    ]
    const totals = filled(rows, width, (row, column) => sum(groups + 2, (slot) => slots(row, column)[slot]!))
    const term = filled(rows, width, (row, column) => {
      const squares = sum(groups + 2, (slot) => slots(row, column)[slot]! ** 2)
      return (totals[row]![column]! ** 2 - squares) / 2
    })
    const pairs = arena.pairs([values, more], width)
    rig.expect('sums of slots', pairs.sums, totals)
    rig.expect('pairs', pairs.term, term)
    const [above, plainAbove] = rig.matrix(rows, width)
    const gradient = filled(rows, groups * width, (row, column) => {
      return plainAbove[row]![column % width]! * (totals[row]![column % width]! - plainValues[row]![column]!)
    })
    rig.expect('gradient of pairs', arena.pairsGradient(values, pairs.sums, above), gradient)
  },
  'softmax and unit length'(rig, { rows, columns }) {
    const { arena } = rig
    const [values, plain] = rig.matrix(rows, columns)
    const [above, plainAbove] = rig.matrix(rows, columns)
    const shares = plain.map(softmaxOf)
    const softmax = arena.softmax(values)
    rig.expect('softmax', softmax, shares)
    const ofSoftmax = shares.map((row, index) => {
      const along = sum(columns, (column) => row[column]! * plainAbove[index]![column]!)
      return row.map((share, column) => share * (plainAbove[index]![column]! - along))
    })
    rig.expect('gradient of the softmax', arena.softmaxGradient(softmax, above), ofSoftmax)
    const lengths = plain.map((row) => Math.sqrt(sum(columns, (column) => row[column]! ** 2) + 1e-12))
    const units = plain.map((row, index) => row.map((value) => value / lengths[index]!))
    const found = arena.unitRows(values)
    rig.expect('unit vectors', found.vectors, units)
    rig.expect(
      'lengths',
      found.lengths,
      lengths.map((length) => [length]),
    )
    const ofUnits = units.map((row, index) => {
      const along = sum(columns, (column) => row[column]! * plainAbove[index]![column]!)
      return row.map((value, column) => (plainAbove[index]![column]! - value * along) / lengths[index]!)
    })
    // A short row multiplies what rounding left; compared as it enters a gradient, times its length.
    const times = arena.groupProducts(found.lengths, arena.unitRowsGradient(found.vectors, found.lengths, above))
    rig.expect(
      'gradient of unit vectors',
      times,
      ofUnits.map((row, index) => row.map((value) => value * lengths[index]!)),
    )
  },
  'the in-batch softmax'(rig, { rows: size }) {
    const { arena } = rig
    const [similarities, plain] = rig.matrix(size, size)
    const numbers = (of: () => number) => Float32Array.from({ length: size }, of)
    const weights = numbers(() => (rig.random() > 0 ? 0 : rig.random()))
    const logFrequencies = numbers(() => rig.random() - 3)
    const groups = numbers(() => Math.floor((rig.random() + 1) * size))
    const temperature = 0.25
    const want = filled(size, size, () => 0).map((_, row) => {
      const logits = plain[row]!.map((value, entry) => {
        const repeated = entry !== row && groups[entry] === groups[row]
        return repeated ? Number.NEGATIVE_INFINITY : value / temperature - logFrequencies[entry]!
      })
      const own = (entry: number) => (entry === row ? 1 : 0)
      return softmaxOf(logits).map((share, entry) => ((share - own(entry)) * weights[row]!) / temperature)
    })
    const choice = { temperature, weights, logFrequencies, groups }
    rig.expect('gradient', arena.inBatchSoftmaxGradient(similarities, choice), want)
  },
}

export function arenaSuite(makeDriver: () => Promise<ComputeDriver>, { tolerance }: ArenaSuiteOptions): void {
  describe('arena', () => {
    for (const [name, check] of Object.entries(checks)) {
      test(name, async () => {
        const arena = (await makeDriver()).arena([])
        const property = fc.property(sizes, (own) => {
          arena.clear()
          check(new ArenaRig(arena, own, tolerance), own)
        })
        fc.assert(property, { numRuns: 25 })
        arena.dispose()
      })
    }

    test('a parameter lasts, and is read anew when its object is another one', async () => {
      const arena = (await makeDriver()).arena([{ name: 'w', shape: [2] }])
      const parameter = { name: 'w', shape: [2], values: Float32Array.of(1, 2) }
      arena.parameter(parameter)
      arena.clear()
      arena.write(1, 2, Float32Array.of(8, 9))
      assert.deepEqual([...arena.read([arena.parameter(parameter)])[0]!], [1, 2])
      parameter.values[0] = 5
      assert.deepEqual([...arena.read([arena.parameter(parameter)])[0]!], [1, 2])
      assert.deepEqual([...arena.read([arena.parameter({ ...parameter })])[0]!], [5, 2])
      arena.dispose()
    })
  })
}
