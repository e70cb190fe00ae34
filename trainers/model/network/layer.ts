// What a layer is: a function of some nodes and named tensors with its gradient, written once against the arena's operations. A
// new kind is one file and one line in `layers.ts`; `layers.test.ts` then checks it against finite differences.
import type { Matrix, MatrixArena, ParameterShape } from './matrix-arena.ts'

/** Plain data. `name` is the node it makes, `inputs` are nodes made before. */
export interface LayerSpec {
  readonly kind: string
  readonly name: string
  readonly inputs: readonly string[]
}

/** A forward pass of one layer, kept for its gradient. */
export interface LayerRun {
  readonly inputs: readonly Matrix[]
  readonly tensors: readonly Matrix[]
  readonly output: Matrix
  /** Whatever else `forward` wants to have again. */
  readonly kept: readonly Matrix[]
}

/** A gradient at an input: of all its columns, or of those from `from` on. */
export interface InputGradient {
  readonly gradient: Matrix
  readonly from: number
}

export interface Layer<Spec extends LayerSpec = LayerSpec> {
  readonly kind: Spec['kind']
  /** Columns of the output. Throws an assertion where the inputs do not fit. */
  columns(spec: Spec, inputs: readonly number[]): number
  /** The tensors it reads, in the order in which `forward` gets them. */
  tensors(spec: Spec, inputs: readonly number[]): readonly ParameterShape[]
  /** Inputs may have one row, which serves all. */
  forward(
    arena: MatrixArena,
    spec: Spec,
    inputs: readonly Matrix[],
    tensors: readonly Matrix[],
  ): Pick<LayerRun, 'output' | 'kept'>
  /** `gradient` at the output becomes gradients at the inputs (null where not `wanted`, or where there is none) and at the
   *  tensors. All inputs have as many rows as the output. */
  backward(
    arena: MatrixArena,
    spec: Spec,
    run: LayerRun,
    gradient: Matrix,
    wanted: readonly boolean[],
  ): { readonly inputs: readonly (InputGradient | null)[]; readonly tensors: readonly Matrix[] }
}

/** A gradient of all columns, where it is wanted. */
export function whole(wanted: boolean | undefined, gradient: () => Matrix): InputGradient | null {
  return wanted ? { gradient: gradient(), from: 0 } : null
}
