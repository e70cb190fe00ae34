// A whole network over named dense tensors: a graph of layers as plain data, computed forwards and backwards on one arena.
import { assert } from '../../../streams/runtime/errors.ts'
import type { DenseParameter } from '../model.ts'
import type { InputGradient, Layer, LayerRun } from './layer.ts'
import { type AnyLayerSpec, layerOf } from './layers.ts'
import type { ComputeDriver, Matrix, MatrixArena, ParameterShape } from './matrix-arena.ts'

export interface InputSpec {
  readonly name: string
  readonly columns: number
  /** So many columns from the first have a gradient; all others' are zero in what `backward` returns. */
  readonly learned: number
}

/** Layers in an order in which each finds its inputs made. */
export interface NetworkSpec {
  readonly inputs: readonly InputSpec[]
  readonly layers: readonly AnyLayerSpec[]
  readonly outputs: readonly string[]
}

export interface NetworkGradient {
  /** In the order of the inputs, rows x columns. */
  readonly inputs: readonly Float32Array[]
  /** By tensor name. */
  readonly dense: ReadonlyMap<string, Float32Array>
}

/** Arrays that it returns are good until its next call. */
export interface DenseNetwork {
  readonly tensors: readonly ParameterShape[]
  /** Row-major inputs in the order of the spec, of `rowCount` rows, or of one that serves all. Outputs are
   *  rowCount x columns; one row where they depend on nothing but such inputs. */
  forward(inputs: readonly Float32Array[], rowCount: number): readonly Float32Array[]
  /** Of the last `forward`, whose inputs had `rowCount` rows each; a gradient per output, null for none. */
  backward(outputs: readonly (Float32Array | null)[]): NetworkGradient
  /** Its memory serves the next network. */
  dispose(): void
}

export interface DenseNetworkOptions {
  readonly driver: ComputeDriver
  readonly spec: NetworkSpec
  /** Followed: a tensor counts as changed when its object is another one. */
  readonly dense: ReadonlyMap<string, DenseParameter>
  /** Stands in for names that `dense` does not have (yet). */
  readonly initial: ReadonlyMap<string, DenseParameter>
}

interface Node {
  readonly name: string
  readonly columns: number
  readonly learned: boolean
}

interface BoundLayer {
  readonly spec: AnyLayerSpec
  readonly layer: Layer<AnyLayerSpec>
  readonly inputs: readonly number[]
  readonly output: number
  readonly wanted: readonly boolean[]
  readonly tensors: readonly ParameterShape[]
}

/** Throws an assertion where layers, or tensors of `initial`, do not fit together. */
export function denseNetwork({ driver, spec, dense, initial }: DenseNetworkOptions): DenseNetwork {
  const nodes: Node[] = spec.inputs.map(({ name, columns, learned }) => ({ name, columns, learned: learned > 0 }))
  const bound = spec.layers.map((layer) => bind(layer, spec, nodes))
  const outputs = spec.outputs.map((name) => indexOf(nodes, name))
  const tensors = bound.flatMap((layer) => layer.tensors)
  for (const { name, shape } of tensors) {
    assert(initial.get(name), `dense tensor ${name} belongs to the model`)
    assertShape(initial.get(name)!, shape)
  }
  assert(new Set(tensors.map(({ name }) => name)).size === tensors.length, 'each tensor belongs to one layer')
  const arena = driver.arena(tensors)
  const parameterOf = (wanted: ParameterShape): Matrix => {
    const parameter = dense.get(wanted.name) ?? initial.get(wanted.name)!
    assertShape(parameter, wanted.shape)
    return arena.parameter(parameter)
  }
  let values: Matrix[] = []
  let runs: LayerRun[] = []
  let rows = 0
  return {
    tensors,
    forward(inputs, rowCount) {
      arena.clear()
      rows = rowCount
      values = spec.inputs.map(({ columns }, index) => {
        const own = inputs[index]!
        return arena.write(own.length === columns ? 1 : rowCount, columns, own)
      })
      runs = bound.map(({ spec: layer, layer: { forward }, inputs: from, output, tensors: names }) => {
        const [own, parameters] = [from.map((index) => values[index]!), names.map(parameterOf)]
        const run = forward(arena, layer, own, parameters)
        values[output] = run.output
        return { ...run, inputs: own, tensors: parameters }
      })
      return arena.read(outputs.map((index) => values[index]!))
    },
    backward(gradients) {
      const above = new NodeGradients(arena, nodes, rows)
      for (const [index, node] of outputs.entries()) {
        const own = gradients[index]
        if (own) above.add(node, { gradient: arena.write(rows, nodes[node]!.columns, own), from: 0 })
      }
      const ofTensors: Matrix[] = []
      for (let index = bound.length - 1; index >= 0; index--) {
        const {
          spec: layer,
          layer: { backward },
          inputs,
          output,
          wanted,
          tensors: names,
        } = bound[index]!
        if (!nodes[output]!.learned) continue
        const gradient = above.take(output)
        const back = backward(arena, layer, runs[index]!, gradient, wanted)
        for (const [place, own] of back.inputs.entries()) if (own) above.add(inputs[place]!, own)
        assert(back.tensors.length === names.length, `${layer.name} gives a gradient of each tensor`)
        ofTensors.unshift(...back.tensors)
      }
      const found = arena.read([...spec.inputs.map((_, index) => above.take(index)), ...ofTensors])
      const inputs = found.slice(0, spec.inputs.length)
      return { inputs, dense: new Map(tensors.map(({ name }, index) => [name, found[inputs.length + index]!])) }
    },
    dispose: () => arena.dispose(),
  }
}

/** Adds the layer's node to `nodes`. */
function bind(spec: AnyLayerSpec, network: NetworkSpec, nodes: Node[]): BoundLayer {
  const layer = layerOf(spec)
  const inputs = spec.inputs.map((name) => indexOf(nodes, name))
  const widths = inputs.map((index) => nodes[index]!.columns)
  const columns = layer.columns(spec, widths)
  const tensors = layer.tensors(spec, widths)
  const wanted = inputs.map((index) => nodes[index]!.learned && !isConstant(spec, network.inputs[index]))
  nodes.push({ name: spec.name, columns, learned: tensors.length > 0 || wanted.includes(true) })
  return { spec, layer, inputs, output: nodes.length - 1, wanted, tensors }
}

/** Whether a layer takes nothing but unlearned columns of an input. */
function isConstant(spec: AnyLayerSpec, input: InputSpec | undefined): boolean {
  return input !== undefined && spec.kind === 'columns' && spec.from >= input.learned
}

function indexOf(nodes: readonly Node[], name: string): number {
  const index = nodes.findIndex((node) => node.name === name)
  assert(index >= 0, `node ${name} is made before it is read; there are ${nodes.map((node) => node.name).join(', ')}`)
  return index
}

function assertShape(parameter: DenseParameter, shape: readonly number[]): void {
  const fits = parameter.shape.length === shape.length && shape.every((size, axis) => size === parameter.shape[axis])
  assert(fits, `${parameter.name} has the shape that the feature set asks for`)
}

/** Gradients at the nodes, summed from the layers above. */
class NodeGradients {
  readonly #arena: MatrixArena
  readonly #nodes: readonly Node[]
  readonly #rows: number
  readonly #sums: (Matrix | undefined)[] = []
  /** Sums that are this object's own, and may be changed. */
  readonly #own: boolean[] = []

  constructor(arena: MatrixArena, nodes: readonly Node[], rows: number) {
    this.#arena = arena
    this.#nodes = nodes
    this.#rows = rows
  }

  add(node: number, { gradient, from }: InputGradient): void {
    const { columns } = this.#nodes[node]!
    const sum = this.#sums[node]
    if (sum === undefined && gradient.columns === columns) {
      this.#sums[node] = gradient
      return
    }
    let target = sum ?? null
    if (sum !== undefined && !this.#own[node]) target = this.#arena.accumulate(null, columns, 0, sum)
    this.#sums[node] = this.#arena.accumulate(target, columns, from, gradient)
    this.#own[node] = true
  }

  /** Zeros where nothing was added. */
  take(node: number): Matrix {
    const { columns } = this.#nodes[node]!
    return this.#sums[node] ?? this.#arena.write(this.#rows, columns, new Float32Array(this.#rows * columns))
  }
}
