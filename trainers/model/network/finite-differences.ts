// For tests: a gradient against central differences of its loss.
import assert from 'node:assert/strict'

/**
 * Central differences of `loss` in some elements of `values` against `gradient`. Elements where two step widths disagree lie
 * at a kink of a ReLU and prove nothing; most must be none. `random` gives numbers from -1 to 1. Of rows of `columns.all` the
 * first `columns.learned` are looked at.
 */
export function checkGradient(
  what: string,
  values: Float32Array,
  gradient: Float32Array,
  loss: () => number,
  random: () => number,
  columns: { readonly all: number; readonly learned: number } = { all: 1, learned: 1 },
): void {
  let squares = 0
  const errors: number[] = []
  const learnedCount = (values.length / columns.all) * columns.learned
  const samples = Math.min(40, learnedCount)
  for (let sample = 0; sample < samples; sample++) {
    const drawn = Math.floor(((random() + 1) / 2) * (learnedCount - 1))
    const index = Math.floor(drawn / columns.learned) * columns.all + (drawn % columns.learned)
    const wide = difference(values, index, 2e-3, loss)
    const narrow = difference(values, index, 5e-4, loss)
    if (Math.abs(wide - narrow) > 0.02 * (Math.abs(wide) + Math.abs(narrow)) + 5e-3) continue
    squares += wide ** 2
    errors.push((wide - gradient[index]!) ** 2)
  }
  // A handful of elements may all lie at kinks.
  if (samples >= 20) assert.ok(errors.length >= samples / 3, `${what}: ${errors.length} smooth elements`)
  // float32 noise is a few percent, a wrong term far more. A kink that lies exactly here shows at no width: the worst element does not count.
  errors.sort((left, right) => left - right).pop()
  const error = errors.reduce((sum, own) => sum + own, 0)
  assert.ok(error <= 0.1 ** 2 * squares + 1e-4, `${what}: off by ${Math.sqrt(error / squares)}`)
}

function difference(values: Float32Array, index: number, step: number, loss: () => number): number {
  const held = values[index]!
  values[index] = held + step
  const high = values[index]!
  const above = loss()
  values[index] = held - step
  const low = values[index]!
  const below = loss()
  values[index] = held
  return (above - below) / (high - low)
}
