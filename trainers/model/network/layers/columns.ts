// Some adjacent columns of a node.
import { assert } from '../../../../streams/runtime/errors.ts'
import type { Layer, LayerSpec } from '../layer.ts'

export interface ColumnsSpec extends LayerSpec {
  readonly kind: 'columns'
  readonly from: number
  /** Exclusive. */
  readonly to: number
}

export const columns: Layer<ColumnsSpec> = {
  kind: 'columns',
  columns({ name, from, to }, [input]) {
    assert(from >= 0 && from < to && to <= input!, `${name}: columns ${from} to ${to} of ${input}`)
    return to - from
  },
  tensors: () => [],
  forward: (arena, { from, to }, [input]) => ({ output: arena.columns(input!, from, to), kept: [] }),
  backward: (_, { from }, __, gradient, [wanted]) => ({ inputs: [wanted ? { gradient, from } : null], tensors: [] }),
}
