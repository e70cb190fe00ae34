// A mixture of experts (MMoE, Ma et al. 2018): their outputs summed with a row's own weights, a softmax of the gate.
import { assert } from '../../../../streams/runtime/errors.ts'
import { type Layer, type LayerSpec, whole } from '../layer.ts'

/** Inputs: the gate's logits, one column per expert; then the experts, all of one width. */
export interface MixtureSpec extends LayerSpec {
  readonly kind: 'mixture'
}

export const mixture: Layer<MixtureSpec> = {
  kind: 'mixture',
  columns({ name }, [gate, ...experts]) {
    assert(gate === experts.length, `${name}: a gate of ${gate} columns for ${experts.length} experts`)
    assert(
      experts.every((columns) => columns === experts[0]),
      `${name}: experts of one width`,
    )
    return experts[0]!
  },
  tensors: () => [],
  forward(arena, _, [gate, ...experts]) {
    const [weights, values] = [arena.softmax(gate!), arena.concat(experts)]
    return { output: arena.groupSums(weights, values), kept: [weights, values] }
  },
  backward(arena, _, { inputs: [, ...experts], kept: [weights, values] }, gradient, [ofGate, ...ofExperts]) {
    const gate = whole(ofGate, () => arena.softmaxGradient(weights!, arena.groupDots(values!, gradient)))
    const width = gradient.columns
    const all = ofExperts.includes(true) ? arena.groupProducts(weights!, gradient) : null
    const own = experts.map((_, index) => {
      return whole(all !== null && ofExperts[index], () => arena.columns(all!, index * width, (index + 1) * width))
    })
    return { inputs: [gate, ...own], tensors: [] }
  },
}
