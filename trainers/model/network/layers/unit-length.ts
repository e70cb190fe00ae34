// Rows scaled to unit length.
import { type Layer, type LayerSpec, whole } from '../layer.ts'

export interface UnitLengthSpec extends LayerSpec {
  readonly kind: 'unit-length'
}

export const unitLength: Layer<UnitLengthSpec> = {
  kind: 'unit-length',
  columns: (_, [input]) => input!,
  tensors: () => [],
  forward(arena, _, [input]) {
    const { vectors, lengths } = arena.unitRows(input!)
    return { output: vectors, kept: [lengths] }
  },
  backward: (arena, _, { output, kept }, gradient, [wanted]) => ({
    inputs: [whole(wanted, () => arena.unitRowsGradient(output, kept[0]!, gradient))],
    tensors: [],
  }),
}
