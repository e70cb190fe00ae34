// Runs the table's benchmark beside a C++ table with the same ids and prints the result as JSON. Without g++ it runs alone.

import { spawn, spawnSync } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { cpus } from 'node:os'
import { fileURLToPath } from 'node:url'
import { systemRuntime } from '../../streams/runtime/system-runtime.ts'
import { benchTable, type TableBenchWork, type TableRates } from '../../trainers/table/table.bench.ts'

const sourcePath = fileURLToPath(new URL('./table-reference.cpp', import.meta.url))
const buildFolder = fileURLToPath(new URL('../../.build/', import.meta.url))
const programPath = `${buildFolder}table-reference`
const compilerFlags = ['-O3', '-march=native', '-fno-math-errno', '-std=c++20']

/** Undefined where there is no g++. Throws when the reference does not compile or fails. */
async function cppReference(work: TableBenchWork): Promise<readonly TableRates[] | undefined> {
  mkdirSync(buildFolder, { recursive: true })
  const compiled = spawnSync('g++', [...compilerFlags, '-o', programPath, sourcePath], { encoding: 'utf8' })
  if (compiled.error !== undefined) return undefined
  if (compiled.status !== 0) throw new Error(`${sourcePath} does not compile:\n${compiled.stderr}`)
  const lists = [work.ids, ...work.accesses]
  const input: ArrayBufferView[] = [Uint32Array.of(work.dimension, work.batchSize, work.rounds, lists.length)]
  for (const list of lists) input.push(BigUint64Array.of(BigInt(list.length)), list)
  const output = await runWith(input)
  return output.trim().split('\n').map(ratesOf)
}

function runWith(input: readonly ArrayBufferView[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(programPath, [], { stdio: ['pipe', 'pipe', 'inherit'] })
    let output = ''
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      output += text
    })
    child.on('error', reject)
    child.on('close', (code) =>
      code === 0 ? resolve(output) : reject(new Error(`table-reference ended with ${code}`)),
    )
    for (const part of input) child.stdin.write(new Uint8Array(part.buffer, part.byteOffset, part.byteLength))
    child.stdin.end()
  })
}

function ratesOf(line: string): TableRates {
  const [pullsPerSecond = Number.NaN, pushesPerSecond = Number.NaN] = line.split(' ').map(Number)
  return { pullsPerSecond, pushesPerSecond }
}

const { clock } = systemRuntime
const result = await benchTable({ clock, reference: cppReference })
const machine = { processor: cpus()[0]?.model, cores: cpus().length, node: process.version }
console.log(JSON.stringify({ machine, ...result }, undefined, 2))
