// The factorization term (Rendle 2010) over the slots of all inputs: 0.5 ((sum v)^2 - sum v^2), one column per dimension.
import { assert } from '../../../../streams/runtime/errors.ts'
import { type Layer, type LayerSpec, whole } from '../layer.ts'

export interface FactorizationSpec extends LayerSpec {
  readonly kind: 'factorization'
  /** Columns of a slot. */
  readonly dimension: number
}

export const factorization: Layer<FactorizationSpec> = {
  kind: 'factorization',
  columns({ name, dimension }, inputs) {
    for (const input of inputs) assert(input % dimension === 0, `${name}: ${input} columns in slots of ${dimension}`)
    return dimension
  },
  tensors: () => [],
  forward(arena, { dimension }, inputs) {
    const { sums, term } = arena.pairs(inputs, dimension)
    return { output: term, kept: [sums] }
  },
  backward: (arena, _, { inputs, kept }, gradient, wanted) => ({
    inputs: inputs.map((input, index) => whole(wanted[index], () => arena.pairsGradient(input, kept[0]!, gradient))),
    tensors: [],
  }),
}
