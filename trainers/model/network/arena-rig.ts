// For the arena's suite: random matrices beside the same numbers as plain rows, and what plain loops in doubles make of them.
import assert from 'node:assert/strict'
import type { Matrix, MatrixArena } from './matrix-arena.ts'

export type Rows = number[][]

/** Random matrices of one arena, and beside them the same as plain rows. */
export class ArenaRig {
  readonly arena: MatrixArena
  readonly #tolerance: number
  readonly #view: boolean
  #state: number

  constructor(
    arena: MatrixArena,
    { seed, view }: { readonly seed: number; readonly view: boolean },
    tolerance: number,
  ) {
    this.arena = arena
    this.#state = seed
    this.#view = view
    this.#tolerance = tolerance
  }

  random(): number {
    this.#state = (Math.imul(this.#state, 1_664_525) + 1_013_904_223) | 0
    return Math.fround((this.#state >>> 0) / 2 ** 31 - 1)
  }

  /** Columns of a wider matrix where views are asked for. */
  matrix(rows: number, columns: number): [Matrix, Rows] {
    const [before, after] = this.#view ? [3, 2] : [0, 0]
    const wide = Float32Array.from({ length: rows * (before + columns + after) }, () => this.random())
    const all = this.arena.write(rows, before + columns + after, wide)
    const plain = Array.from({ length: rows }, (_, row) => {
      return [...wide.subarray(row * (before + columns + after) + before).subarray(0, columns)]
    })
    return [this.arena.columns(all, before, before + columns), plain]
  }

  expect(what: string, found: Matrix, want: Rows): void {
    assert.deepEqual([found.rows, found.columns], [want.length, want[0]!.length], what)
    const values = this.arena.read([found])[0]!
    for (const [index, value] of want.flat().entries()) {
      const off = Math.abs(values[index]! - value)
      const near = off <= this.#tolerance * Math.max(1, Math.abs(value))
      assert.ok(near, `${what}: ${values[index]}, not ${value}, at ${index}`)
    }
  }
}

export const filled = (rows: number, columns: number, of: (row: number, column: number) => number): Rows =>
  Array.from({ length: rows }, (_, row) => Array.from({ length: columns }, (__, column) => of(row, column)))
export const sum = (count: number, of: (index: number) => number): number => {
  let total = 0
  for (let index = 0; index < count; index++) total += of(index)
  return total
}
export const transposed = (rows: Rows): Rows => rows[0]!.map((_, column) => rows.map((row) => row[column]!))
export const product = (left: Rows, right: Rows): Rows =>
  filled(left.length, right[0]!.length, (row, column) =>
    sum(right.length, (index) => left[row]![index]! * right[index]![column]!),
  )
export const rowOf = (rows: Rows, row: number): number[] => rows[rows.length === 1 ? 0 : row]!
export const softmaxOf = (row: readonly number[]): number[] => {
  const powers = row.map((value) => Math.exp(value - Math.max(...row)))
  const total = sum(row.length, (index) => powers[index]!)
  return powers.map((power) => power / total)
}
