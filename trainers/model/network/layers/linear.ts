// Inputs side by side times weights, plus a bias and whatever else is added, the first columns through a ReLU.
import { assert } from '../../../../streams/runtime/errors.ts'
import type { InputGradient, Layer, LayerSpec } from '../layer.ts'
import type { Matrix, MatrixArena, ParameterShape } from '../matrix-arena.ts'

export interface LinearSpec extends LayerSpec {
  readonly kind: 'linear'
  /** Name of the weights, columns of all inputs x `columns`. */
  readonly weights: string
  readonly columns: number
  /** Name of the biases. */
  readonly bias?: string
  /** The last of the inputs is no factor: it is added to the product, and has its columns. */
  readonly plus?: boolean
  /** So many columns from the first go through a ReLU. */
  readonly rectified?: number
}

export const linear: Layer<LinearSpec> = {
  kind: 'linear',
  columns(spec, inputs) {
    assert(!spec.plus || inputs.at(-1) === spec.columns, `${spec.name}: what is added has ${spec.columns} columns`)
    return spec.columns
  },
  tensors(spec, inputs) {
    const rows = factors(spec, inputs).reduce((sum, columns) => sum + columns, 0)
    const weights: ParameterShape = { name: spec.weights, shape: [rows, spec.columns] }
    return spec.bias === undefined ? [weights] : [weights, { name: spec.bias, shape: [spec.columns] }]
  },
  forward(arena, spec, inputs, [weights, bias]) {
    const input = arena.concat(factors(spec, inputs))
    const plus = spec.plus ? inputs.at(-1) : undefined
    const output = arena.multiply(input, weights!, { bias, plus, rectified: spec.rectified ?? 0 })
    return { output, kept: [input] }
  },
  backward(arena, spec, { inputs, tensors, output, kept }, above, wanted) {
    const gradient = spec.rectified ? arena.throughRelu(above, output, spec.rectified) : above
    const ofTensors = [arena.multiply(kept[0]!, gradient, { transposeLeft: true })]
    if (spec.bias !== undefined) ofTensors.push(arena.sumColumns(gradient))
    const ofInputs = throughWeights(arena, factors(spec, inputs), tensors[0]!, gradient, wanted)
    if (spec.plus) ofInputs.push(wanted.at(-1) ? { gradient, from: 0 } : null)
    return { inputs: ofInputs, tensors: ofTensors }
  },
}

function factors<T>(spec: LinearSpec, inputs: readonly T[]): readonly T[] {
  return spec.plus ? inputs.slice(0, -1) : inputs
}

/** Only the rows of the weights that belong to a wanted input are multiplied. */
function throughWeights(
  arena: MatrixArena,
  inputs: readonly Matrix[],
  weights: Matrix,
  gradient: Matrix,
  wanted: readonly boolean[],
): (InputGradient | null)[] {
  let from = 0
  return inputs.map(({ columns }, index) => {
    const own = arena.rows(weights, from, from + columns)
    from += columns
    return wanted[index] ? { gradient: arena.multiply(gradient, own, { transposeRight: true }), from: 0 } : null
  })
}
