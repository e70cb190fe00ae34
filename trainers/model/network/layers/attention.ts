// Attention of one vector over a history (after Zhou et al. 2018, "Deep interest network", with the scaled dot of Vaswani et
// al. 2017 for its score): the history's entries summed, each with its share of a softmax.
import { assert } from '../../../../streams/runtime/errors.ts'
import { type Layer, type LayerSpec, whole } from '../layer.ts'
import type { Matrix, MatrixArena } from '../matrix-arena.ts'

/** Inputs: history (entries side by side, of the target's width), target, and one number per entry that is added to its score:
 *  the log of its weight, or something like -1e9 where there is no entry. */
export interface AttentionSpec extends LayerSpec {
  readonly kind: 'attention'
}

export const attention: Layer<AttentionSpec> = {
  kind: 'attention',
  columns({ name }, [history, target, added]) {
    assert(history === target! * added!, `${name}: ${history} columns of ${added} entries with ${target} each`)
    return target!
  },
  tensors: () => [],
  forward(arena, _, [history, target, added]) {
    const scores = arena.multiplyElements(arena.groupDots(history!, target!), scaleOf(arena, target!, added!))
    const shares = arena.softmax(arena.add(scores, added!))
    return { output: arena.groupSums(shares, history!), kept: [shares] }
  },
  backward(arena, _, { inputs: [history, target, added], kept: [shares] }, gradient, [ofHistory, ofTarget, ofAdded]) {
    const ofScores = arena.softmaxGradient(shares!, arena.groupDots(history!, gradient))
    const ofDots = arena.multiplyElements(ofScores, scaleOf(arena, target!, added!))
    const inputs = [
      whole(ofHistory, () => {
        return arena.add(arena.groupProducts(shares!, gradient), arena.groupProducts(ofDots, target!))
      }),
      whole(ofTarget, () => arena.groupSums(ofDots, history!)),
      whole(ofAdded, () => ofScores),
    ]
    return { inputs, tensors: [] }
  },
}

/** Scores neither grow nor shrink with the width. */
function scaleOf(arena: MatrixArena, target: Matrix, added: Matrix): Matrix {
  const { columns } = added
  return arena.write(1, columns, new Float32Array(columns).fill(1 / Math.sqrt(target.columns)))
}
