// The project's own source files, in a fixed order: what the checks read and where the tests are.
import { existsSync, readdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** Folder of the clone. */
export const projectRoot = join(dirname(fileURLToPath(import.meta.url)), '..', '..')

/** Top folders that hold code, in the order they may import: earlier ones never import later ones. */
export const codeFolders = ['schemas', 'streams', 'trainers', 'serving', 'infra'] as const

const foreignFolders = new Set(['node_modules', '.tooling', '.git', '.build', 'build-output', 'dist'])

/** Paths below `root`, with forward slashes, sorted; built output and foreign folders left out. */
export function sourceFiles(root: string = projectRoot): string[] {
  return codeFolders.filter((folder) => existsSync(join(root, folder))).flatMap((folder) => walk(root, folder))
}

function walk(root: string, folder: string): string[] {
  const entries = readdirSync(join(root, folder), { withFileTypes: true }).sort((a, b) => (a.name < b.name ? -1 : 1))
  return entries.flatMap((entry) => {
    const path = `${folder}/${entry.name}`
    if (entry.isFile()) return [path]
    if (!entry.isDirectory() || foreignFolders.has(entry.name) || /\/kernel\/build$/.test(path)) return []
    return walk(root, path)
  })
}
