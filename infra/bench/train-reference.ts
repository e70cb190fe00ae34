// The same model in PyTorch as a process that does so many steps when told to, so that rounds of both alternate.
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { FreshetError } from '../../streams/runtime/errors.ts'

const scriptPath = fileURLToPath(new URL('./references/train_reference.py', import.meta.url))
const pythonPath = fileURLToPath(new URL('../../.build/references/bin/python', import.meta.url))

export const referenceVariants = ['shared', 'manual'] as const
export type ReferenceVariant = (typeof referenceVariants)[number]

/** Examples x slots, x dense values, x heads. */
export interface TrainWork {
  readonly header: Int32Array
  readonly ids: BigInt64Array
  readonly dense: Float32Array
  readonly labels: Float32Array
}

export interface TrainReference {
  cpuSeconds(variant: ReferenceVariant, batchRows: number, steps: number): Promise<number>
  end(): void
}

/** Null where `make references` was not run. */
export async function startTrainReference(work: TrainWork): Promise<TrainReference | null> {
  if (!existsSync(pythonPath)) return null
  // It inherits this process's affinity.
  const child = spawn(pythonPath, [scriptPath], { stdio: ['pipe', 'pipe', 'inherit'] })
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  const nextLine = async () => {
    const line = await lines.next()
    if (line.done) throw new FreshetError('engine-failed', 'the PyTorch reference ended; see above')
    return line.value
  }
  for (const part of [work.header, work.ids, work.dense, work.labels]) {
    child.stdin.write(new Uint8Array(part.buffer, part.byteOffset, part.byteLength))
  }
  await nextLine()
  return {
    cpuSeconds: async (variant, batchRows, steps) => {
      child.stdin.write(`${variant} ${batchRows} ${steps}\n`)
      return Number(await nextLine())
    },
    end: () => void child.stdin.end(),
  }
}
