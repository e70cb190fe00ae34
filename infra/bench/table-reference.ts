// The C++ table as a process that does one piece of work at a time when told to, so that rounds of both tables alternate.

import { spawn, spawnSync } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { FreshetError } from '../../streams/runtime/errors.ts'
import type { TableBenchWork, TableReference } from '../../trainers/table/table.bench.ts'

const sourcePath = fileURLToPath(new URL('./table-reference.cpp', import.meta.url))
const buildFolder = fileURLToPath(new URL('../../.build/', import.meta.url))
const programPath = `${buildFolder}table-reference`
const compilerFlags = ['-O3', '-march=native', '-fno-math-errno', '-std=c++20']

const orderNumbers = { pull: 0, push: 1, pullPrefetching: 2, pushPrefetching: 3 } as const

/** Null where there is no g++. Throws when the reference does not compile. */
export async function startTableReference(work: TableBenchWork): Promise<TableReference | null> {
  mkdirSync(buildFolder, { recursive: true })
  const compiled = spawnSync('g++', [...compilerFlags, '-o', programPath, sourcePath], { encoding: 'utf8' })
  if (compiled.error !== undefined) return null
  if (compiled.status !== 0) throw new Error(`${sourcePath} does not compile:\n${compiled.stderr}`)
  // It inherits this process's affinity.
  const child = spawn(programPath, [], { stdio: ['pipe', 'pipe', 'inherit'] })
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  const nextLine = async () => {
    const line = await lines.next()
    if (line.done) throw new FreshetError('engine-failed', 'the reference table ended; see above')
    return line.value
  }
  const lists = [work.ids, ...work.accesses]
  const input: ArrayBufferView[] = [Uint32Array.of(work.dimension, work.batchSize, lists.length)]
  for (const list of lists) input.push(BigUint64Array.of(BigInt(list.length)), list)
  for (const part of input) child.stdin.write(new Uint8Array(part.buffer, part.byteOffset, part.byteLength))
  await nextLine()
  return {
    cpuSeconds: async (order, list) => {
      child.stdin.write(new Uint8Array(Uint32Array.of(orderNumbers[order], list).buffer))
      return Number(await nextLine())
    },
    end: () => void child.stdin.end(),
  }
}
