// Every kind of layer. One more is one file in `layers/` and one line here.
import type { Layer } from './layer.ts'
import { type AttentionSpec, attention } from './layers/attention.ts'
import { type ColumnsSpec, columns } from './layers/columns.ts'
import { type ConcatSpec, concat } from './layers/concat.ts'
import { type CrossSpec, cross } from './layers/cross.ts'
import { type DotSpec, dot } from './layers/dot.ts'
import { type FactorizationSpec, factorization } from './layers/factorization.ts'
import { type LinearSpec, linear } from './layers/linear.ts'
import { type MixtureSpec, mixture } from './layers/mixture.ts'
import { type ProductSpec, product } from './layers/product.ts'
import { type SumSpec, sum } from './layers/sum.ts'
import { type UnitLengthSpec, unitLength } from './layers/unit-length.ts'

export type AnyLayerSpec =
  | AttentionSpec
  | ColumnsSpec
  | ConcatSpec
  | CrossSpec
  | DotSpec
  | FactorizationSpec
  | LinearSpec
  | MixtureSpec
  | ProductSpec
  | SumSpec
  | UnitLengthSpec

export const layers: { readonly [Kind in AnyLayerSpec['kind']]: Layer<Extract<AnyLayerSpec, { kind: Kind }>> } = {
  attention,
  columns,
  concat,
  cross,
  dot,
  factorization,
  linear,
  mixture,
  product,
  sum,
  'unit-length': unitLength,
}

/** Under the type that holds for any of them: the spec that it gets is always of its kind. */
export function layerOf(spec: AnyLayerSpec): Layer<AnyLayerSpec> {
  return layers[spec.kind] as unknown as Layer<AnyLayerSpec>
}
