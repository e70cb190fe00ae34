// The cross layer of DCN-v2 (Wang et al. 2021): first * (W x + b) + x, element by element, with `first` the network's first
// features and x those of the cross layer before.
import { assert } from '../../../../streams/runtime/errors.ts'
import { type Layer, type LayerSpec, whole } from '../layer.ts'

/** Inputs: first, x; the same node in the first of several cross layers. */
export interface CrossSpec extends LayerSpec {
  readonly kind: 'cross'
  /** Names: columns x columns, and columns. */
  readonly weights: string
  readonly bias: string
}

export const cross: Layer<CrossSpec> = {
  kind: 'cross',
  columns({ name }, [first, x]) {
    assert(first === x, `${name}: ${first} columns beside ${x}`)
    return x!
  },
  tensors: ({ weights, bias }, [columns]) => [
    { name: weights, shape: [columns!, columns!] },
    { name: bias, shape: [columns!] },
  ],
  forward(arena, _, [first, x], [weights, bias]) {
    const inner = arena.multiply(x!, weights!, { bias })
    return { output: arena.add(arena.multiplyElements(first!, inner), x!), kept: [inner] }
  },
  backward(arena, _, { inputs: [first, x], tensors: [weights], kept: [inner] }, gradient, [ofFirst, ofX]) {
    const ofInner = arena.multiplyElements(gradient, first!)
    const inputs = [
      whole(ofFirst, () => arena.multiplyElements(gradient, inner!)),
      whole(ofX, () => arena.multiply(ofInner, weights!, { transposeRight: true, plus: gradient })),
    ]
    return { inputs, tensors: [arena.multiply(x!, ofInner, { transposeLeft: true }), arena.sumColumns(ofInner)] }
  },
}
