// The dot of a vector with each group of columns of another node: one column per group.
import { assert } from '../../../../streams/runtime/errors.ts'
import { type Layer, type LayerSpec, whole } from '../layer.ts'

/** Inputs: groups, vector. */
export interface DotSpec extends LayerSpec {
  readonly kind: 'dot'
}

export const dot: Layer<DotSpec> = {
  kind: 'dot',
  columns({ name }, [groups, width]) {
    assert(groups! % width! === 0, `${name}: ${groups} columns in groups of ${width}`)
    return groups! / width!
  },
  tensors: () => [],
  forward: (arena, _, [groups, vector]) => ({ output: arena.groupDots(groups!, vector!), kept: [] }),
  backward(arena, _, { inputs: [groups, vector] }, gradient, [ofGroups, ofVector]) {
    const inputs = [
      whole(ofGroups, () => arena.groupProducts(gradient, vector!)),
      whole(ofVector, () => arena.groupSums(gradient, groups!)),
    ]
    return { inputs, tensors: [] }
  },
}
