// Two nodes element by element.
import { assert } from '../../../../streams/runtime/errors.ts'
import { type Layer, type LayerSpec, whole } from '../layer.ts'

export interface ProductSpec extends LayerSpec {
  readonly kind: 'product'
}

export const product: Layer<ProductSpec> = {
  kind: 'product',
  columns({ name }, [left, right]) {
    assert(left === right, `${name}: ${left} columns beside ${right}`)
    return left!
  },
  tensors: () => [],
  forward: (arena, _, [left, right]) => ({ output: arena.multiplyElements(left!, right!), kept: [] }),
  backward(arena, _, { inputs: [left, right] }, gradient, [ofLeft, ofRight]) {
    const inputs = [
      whole(ofLeft, () => arena.multiplyElements(gradient, right!)),
      whole(ofRight, () => arena.multiplyElements(gradient, left!)),
    ]
    return { inputs, tensors: [] }
  },
}
