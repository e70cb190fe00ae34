// Prints the checksum of a product by the kernels, computed in a process of its own: for the test that compares the tiers of the
// compiler, which a process chooses when it starts.
import { checksum } from '../../../schemas/ids.ts'
import { kernelDriver } from './kernel-arena.ts'

const [rows, depth, columns] = [67, 361, 75] as const
const waves = (count: number, step: number) =>
  Float32Array.from({ length: count }, (_, index) => Math.sin(index * step))

const arena = kernelDriver.arena([])
const left = arena.write(rows, depth, waves(rows * depth, 1.7))
const right = arena.write(depth, columns, waves(depth * columns, 0.3))
const [product] = arena.read([arena.multiply(left, right)])
process.stdout.write(checksum(new Uint8Array(product!.buffer, product!.byteOffset, product!.byteLength)))
