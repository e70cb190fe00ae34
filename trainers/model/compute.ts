// The driver of dense compute that this thread uses: kernels of our own unless another was asked for.
import { kernelDriver } from './network/kernel-arena.ts'
import type { ComputeDriver } from './network/matrix-arena.ts'

let chosen: ComputeDriver = kernelDriver

/** Makes `driver` this thread's; what was built before keeps its own. Await it before building a scorer, an encoder or a
 *  trainer that is to compute on it. Rejects as the driver does where it cannot start. */
export async function denseCompute(driver: ComputeDriver | Promise<ComputeDriver> = kernelDriver): Promise<void> {
  chosen = await driver
}

export function threadDriver(): ComputeDriver {
  return chosen
}
