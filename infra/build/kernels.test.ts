// A kernel is compiled once per change of its sources, and a broken one names its error.

import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { buildKernels } from './kernels.ts'

test('compiles each entry file when its sources have changed, and only then', async (context) => {
  const root = mkdtempSync(join(tmpdir(), 'kernels-'))
  context.after(() => rmSync(root, { recursive: true }))
  const folder = join(root, 'trainers', 'any', 'kernel')
  mkdirSync(folder, { recursive: true })
  writeFileSync(
    join(folder, 'sum.entry.ts'),
    "import { one } from './one'\nexport function next(x: i32): i32 { return x + one }\n",
  )
  writeFileSync(join(folder, 'one.ts'), 'export const one: i32 = 1\n')
  const wasmPath = join('trainers', 'any', 'kernel', 'build', 'sum.wasm')

  assert.deepEqual(await buildKernels(root), [{ wasmPath, compiled: true }])
  assert.equal(callNext(join(root, wasmPath), 4), 5)
  assert.deepEqual(await buildKernels(root), [{ wasmPath, compiled: false }])

  writeFileSync(join(folder, 'one.ts'), 'export const one: i32 = 2\n')
  assert.deepEqual(await buildKernels(root), [{ wasmPath, compiled: true }])
  assert.equal(callNext(join(root, wasmPath), 4), 6)

  writeFileSync(join(folder, 'one.ts'), 'export const two: i32 = 2\n')
  await assert.rejects(buildKernels(root), /sum\.wasm does not compile[\s\S]*one/)
})

function callNext(path: string, argument: number): number {
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(readFileSync(path)))
  return (exports.next as (value: number) => number)(argument)
}
