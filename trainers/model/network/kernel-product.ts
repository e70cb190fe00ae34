// A product of matrices by the kernels: operands are packed into borrowed memory, then multiplied tile by tile.
import { assert } from '../../../streams/runtime/errors.ts'
import { type KernelMemory, type Placed, strideOf } from './kernel-memory.ts'
import type { ProductOptions } from './matrix-arena.ts'

/** Rows of the left operand that the kernel packs at once. */
const rowsAtOnce = 64
const edgeFloats = 8

export function kernelProduct(memory: KernelMemory, left: Placed, right: Placed, options: ProductOptions): Placed {
  const { kernel } = memory
  const { transposeLeft = false, transposeRight = false, rectified = 0 } = options
  const [own, depth] = transposeLeft ? [left.columns, left.rows] : [left.rows, left.columns]
  const [inner, columns] = transposeRight ? [right.columns, right.rows] : [right.rows, right.columns]
  assert(depth === inner, `${own} x ${depth} times ${inner} x ${columns}`)
  const bias = options.bias as Placed | undefined
  const plus = options.plus as Placed | undefined
  assert(bias === undefined || (bias.rows === 1 && bias.columns === columns), 'one bias per column')
  assert(plus === undefined || plus.columns === columns, 'what is added has the columns of the product')
  const rows = own === 1 && plus ? plus.rows : own
  assert(plus === undefined || plus.rows === rows || plus.rows === 1, `${plus?.rows} rows added to ${rows}`)
  const out = memory.place(rows, columns)
  kernel.addTo(bias?.address ?? 0, plus?.address ?? 0, plus ? strideOf(plus, rows) : 0, rectified)
  memory.borrow(() => {
    const packed = memory.take(depth * 8 * Math.ceil(columns / 8))
    const pack = transposeRight ? kernel.packRightTransposed : kernel.packRight
    pack(right.address, right.stride, depth, columns, packed)
    let [from, fromStride] = [left.address, left.stride]
    if (transposeLeft) {
      assert(own === rows, 'a transposed operand has its rows')
      ;[from, fromStride] = [memory.take(depth * 4 * Math.ceil(rows / 4)), 0]
      kernel.packLeft(left.address, left.stride, depth, rows, from)
    } else if (own !== rows) {
      ;[from, fromStride] = [memory.take(rows * depth), depth * 4]
      kernel.copyRows(left.address, 0, rows, depth, from, fromStride)
    }
    const packedAtOnce = fromStride === 0 ? 0 : Math.min(rowsAtOnce, Math.ceil(rows / 4) * 4)
    const scratch = memory.take(edgeFloats + packedAtOnce * depth)
    kernel.multiply(from, fromStride, packed, rows, depth, columns, out.address, out.stride, scratch)
  })
  return out
}
