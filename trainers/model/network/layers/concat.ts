// Nodes side by side.
import type { Layer, LayerSpec } from '../layer.ts'
import { whole } from '../layer.ts'

export interface ConcatSpec extends LayerSpec {
  readonly kind: 'concat'
}

export const concat: Layer<ConcatSpec> = {
  kind: 'concat',
  columns: (_, inputs) => inputs.reduce((sum, columns) => sum + columns, 0),
  tensors: () => [],
  forward: (arena, _, inputs) => ({ output: arena.concat(inputs), kept: [] }),
  backward(arena, _, { inputs }, gradient, wanted) {
    let to = 0
    const own = inputs.map(({ columns }, index) => {
      const from = to
      to += columns
      return whole(wanted[index], () => arena.columns(gradient, from, from + columns))
    })
    return { inputs: own, tensors: [] }
  },
}
