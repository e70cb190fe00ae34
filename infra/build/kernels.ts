// Compiles the AssemblyScript kernels: each `kernel/<name>.entry.ts` becomes `kernel/build/<name>.wasm`. A kernel whose
// sources, flags and compiler have not changed since its last build is left alone.

import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import asc from 'assemblyscript/asc'

const rootFolder = fileURLToPath(new URL('../../', import.meta.url))
const searchedFolders = ['schemas', 'streams', 'trainers', 'serving', 'infra']
const entrySuffix = '.entry.ts'
/** Strict SIMD: what relaxed SIMD gives may differ from machine to machine, and replays must not. */
const strictFlags = ['-O3', '--runtime', 'stub', '--enable', 'simd', '--noAssert']
/** Kernels that multiply and add in one, as `infra/decisions/0020` allows. */
const relaxedKernels: ReadonlySet<string> = new Set(['network'])

export interface BuiltKernel {
  /** Relative to the repository. */
  readonly wasmPath: string
  readonly compiled: boolean
}

/** Builds all kernels under the source folders. Throws with the compiler's messages when one does not compile. */
export async function buildKernels(root: string = rootFolder): Promise<BuiltKernel[]> {
  const built: BuiltKernel[] = []
  for (const folder of searchedFolders.flatMap((name) => kernelFolders(join(root, name)))) {
    const entries = readdirSync(folder).filter((name) => name.endsWith(entrySuffix))
    for (const entry of entries.sort()) built.push(await buildKernel(root, folder, entry))
  }
  return built
}

async function buildKernel(root: string, folder: string, entry: string): Promise<BuiltKernel> {
  const name = entry.slice(0, -entrySuffix.length)
  const wasmPath = join(folder, 'build', `${name}.wasm`)
  const fingerprintPath = join(folder, 'build', `${name}.sha256`)
  const flags = relaxedKernels.has(name) ? [...strictFlags, '--enable', 'relaxed-simd'] : strictFlags
  const fingerprint = fingerprintOf(folder, flags)
  const shownPath = relative(root, wasmPath)
  if (existsSync(wasmPath) && existsSync(fingerprintPath) && readFileSync(fingerprintPath, 'utf8') === fingerprint) {
    return { wasmPath: shownPath, compiled: false }
  }
  mkdirSync(join(folder, 'build'), { recursive: true })
  const messages: string[] = []
  const stderr = { write: (chunk: string | Uint8Array) => messages.push(Buffer.from(chunk).toString('utf8')) }
  const argv = [relative(root, join(folder, entry)), '--baseDir', root, '--outFile', shownPath, ...flags]
  const { error } = await asc.main(argv, { stderr: stderr as never })
  if (error) throw new Error(`${shownPath} does not compile:\n${messages.join('')}`, { cause: error })
  writeFileSync(fingerprintPath, fingerprint)
  return { wasmPath: shownPath, compiled: true }
}

function fingerprintOf(folder: string, flags: readonly string[]): string {
  const hash = createHash('sha256').update(`${asc.version} ${flags.join(' ')}`)
  for (const name of readdirSync(folder).sort()) {
    if (name.endsWith('.ts')) hash.update(`\n${name}\n`).update(readFileSync(join(folder, name)))
  }
  return hash.digest('hex')
}

function kernelFolders(folder: string): string[] {
  if (!existsSync(folder)) return []
  const inner = readdirSync(folder, { withFileTypes: true }).filter((entry) => entry.isDirectory())
  return inner
    .flatMap(({ name }) => (name === 'kernel' ? [join(folder, name)] : kernelFolders(join(folder, name))))
    .sort()
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  for (const { wasmPath, compiled } of await buildKernels()) {
    process.stdout.write(`${compiled ? 'compiled' : 'unchanged'} ${wasmPath}\n`)
  }
}
