// Two nodes added.
import { assert } from '../../../../streams/runtime/errors.ts'
import { type Layer, type LayerSpec, whole } from '../layer.ts'

export interface SumSpec extends LayerSpec {
  readonly kind: 'sum'
}

export const sum: Layer<SumSpec> = {
  kind: 'sum',
  columns({ name }, [left, right]) {
    assert(left === right, `${name}: ${left} columns beside ${right}`)
    return left!
  },
  tensors: () => [],
  forward: (arena, _, [left, right]) => ({ output: arena.add(left!, right!), kept: [] }),
  backward: (_, __, ___, gradient, wanted) => ({
    inputs: wanted.map((own) => whole(own, () => gradient)),
    tensors: [],
  }),
}
