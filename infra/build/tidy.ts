// The rules of the tree that a formatter cannot see, as pure functions of (path, text): who may import whom, how long a file
// may be, where clocks, randomness, disk and the environment may appear, how files are named, what every folder explains.
import { posix } from 'node:path'
import { type Ambient, allowances } from './tidy-allowances.ts'
import { codeFolders } from './tree.ts'

export interface SourceFile {
  /** From the root, with forward slashes. */
  readonly path: string
  readonly text: string
}

export const linesMax = 400
export const linesSoftMax = 250

const testTier = /\.(test|int\.test|suite|fuzz|bench)\.ts$/
const generated = new Set(['schemas/generated.ts'])
const isKernel = (path: string) => /\/kernel\//.test(path)

/** Every violation, as `path: what to do`. */
export function violations(files: readonly SourceFile[]): string[] {
  const code = files.filter((file) => file.path.endsWith('.ts'))
  return [
    ...code.flatMap(importViolations),
    ...code.flatMap(interfaceViolations),
    ...code.flatMap(lengthViolations),
    ...code.flatMap(ambientViolations),
    ...code.flatMap(headerViolations),
    ...code.flatMap(leftoverViolations),
    ...code.flatMap(nameViolations),
    ...folderViolations(files),
  ]
}

/** Folders each top folder may import from. A longer name says that only that part is open. */
const openTo: Readonly<Record<(typeof codeFolders)[number], readonly string[]>> = {
  schemas: ['schemas'],
  streams: ['schemas', 'streams'],
  trainers: ['schemas', 'streams', 'trainers'],
  serving: ['schemas', 'streams', 'serving', 'trainers/model', 'trainers/table'],
  infra: ['schemas', 'streams', 'trainers', 'serving', 'infra'],
}

export function importViolations({ path, text }: SourceFile): string[] {
  const top = path.split('/')[0] as keyof typeof openTo
  const open = openTo[top]
  if (!open) return []
  return importsOf(text)
    .filter((specifier) => specifier.startsWith('.'))
    .map((specifier) => posix.join(posix.dirname(path), specifier))
    .filter((target) => codeFolders.some((folder) => target.startsWith(`${folder}/`)))
    .filter((target) => !open.some((folder) => target.startsWith(`${folder}/`)))
    .map((target) => `${path}: imports ${target}; ${top} may import only from ${open.join(', ')}`)
}

/** Relative modules that a file loads: imports, re-exports, and files it names by URL to run as a worker. */
function importsOf(text: string): string[] {
  const code = withoutComments(text)
  const patterns = [
    /\bfrom\s+['"]([^'"]+)['"]/g,
    /\bimport\s+['"]([^'"]+)['"]/g,
    /\bimport\(\s*['"]([^'"]+)['"]/g,
    /\bnew URL\(\s*['"](\.[^'"]+\.ts)['"]/g,
  ]
  return patterns.flatMap((pattern) => [...code.matchAll(pattern)].map((match) => match[1]!))
}

/** Files that say what others implement: they may know schemas and each other, and types of anything. */
export const interfaceFiles: readonly string[] = [
  'streams/log/log.ts',
  'streams/runtime/runtime.ts',
  'streams/rpc/rpc.ts',
  'streams/stores/blob-store.ts',
  'streams/processor/processor.ts',
  'streams/features/feature.ts',
  'trainers/table/table.ts',
  'trainers/model/model.ts',
  'trainers/parameter-server/parameter-client.ts',
  'serving/shard.ts',
  'serving/pipeline/stages.ts',
]

export function interfaceViolations({ path, text }: SourceFile): string[] {
  if (!interfaceFiles.includes(path)) return []
  const values = withoutComments(text).matchAll(/^(?:import|export)\s+(?!type\b)[^'"\n]*\bfrom\s+['"](\.[^'"]+)['"]/gm)
  return [...values]
    .map((match) => posix.join(posix.dirname(path), match[1]!))
    .filter((target) => !target.startsWith('schemas/') && !interfaceFiles.includes(target))
    .map(
      (target) => `${path}: an interface file imports the implementation ${target}; import its types, or turn it round`,
    )
}

export function lengthViolations({ path, text }: SourceFile): string[] {
  const lines = lineCount(text)
  if (lines <= linesMax || generated.has(path)) return []
  return [`${path}: ${lines} lines, at most ${linesMax}: split it`]
}

export function lineCount(text: string): number {
  return text.split('\n').length - Number(text.endsWith('\n'))
}

/** Files between the soft and the hard limit: their number may only fall. */
export function longFiles(files: readonly SourceFile[]): string[] {
  return files
    .filter(({ path, text }) => path.endsWith('.ts') && !generated.has(path) && lineCount(text) > linesSoftMax)
    .map(({ path }) => path)
}

const ambientPatterns: Readonly<Record<Ambient, RegExp>> = {
  clock: /\bDate\.now\b|\bnew Date\(\s*\)|\bperformance\.now\b|\bprocess\.hrtime\b/,
  timer: /\bset(?:Timeout|Interval|Immediate)\(|['"]node:timers(?:\/promises)?['"]/,
  random: /\bMath\.random\b|\brandomUUID\b|\brandomBytes\b|\bgetRandomValues\b|\brandomInt\b/,
  disk: /['"]node:fs(?:\/promises)?['"]|['"]fs(?:\/promises)?['"]/,
  environment: /\bprocess\.env\b/,
}

const remedies: Readonly<Record<Ambient, string>> = {
  clock: 'take the time from Clock',
  timer: 'take timers from Timers',
  random: 'take random numbers from Randomness or from a seed',
  disk: 'take storage through a port',
  environment: 'take settings as arguments',
}

/** Kernels have no such globals; test tiers may use all but unseeded randomness. */
export function ambientViolations({ path, text }: SourceFile): string[] {
  if (isKernel(path)) return []
  const code = withoutComments(text)
  return (Object.keys(ambientPatterns) as Ambient[])
    .filter((ambient) => ambientPatterns[ambient].test(code) && !isAllowed(path, ambient))
    .map(
      (ambient) => `${path}: uses ${ambient}; ${remedies[ambient]} (infra/build/tidy-allowances.ts lists exceptions)`,
    )
}

function isAllowed(path: string, ambient: Ambient): boolean {
  if (testTier.test(path)) return ambient !== 'random'
  return allowances.some((entry) => path.startsWith(entry.path) && entry.allows.includes(ambient))
}

/** Allowances that no file needs any more. */
export function unusedAllowances(files: readonly SourceFile[]): string[] {
  const code = files.filter((file) => file.path.endsWith('.ts') && !testTier.test(file.path))
  return allowances
    .filter(({ path, allows }) => {
      const covered = code.filter((file) => file.path.startsWith(path)).map((file) => withoutComments(file.text))
      const needed = covered.some((text) => allows.some((ambient) => ambientPatterns[ambient].test(text)))
      return covered.length > 0 && !needed
    })
    .map(({ path }) => `${path} needs no exception any more: take it from infra/build/tidy-allowances.ts`)
}

export function headerViolations({ path, text }: SourceFile): string[] {
  const first = text.startsWith('#!') ? text.slice(text.indexOf('\n') + 1) : text
  return /^\s*(\/\/|\/\*)/.test(first) ? [] : [`${path}: begins without a sentence saying what it guarantees`]
}

// Spelled so that this file is not among what it finds.
const leftovers = new RegExp(`\\b(${['TO' + 'DO', 'FIX' + 'ME', 'XX' + 'X', 'HA' + 'CK'].join('|')})\\b`)
const switchedTests = new RegExp(
  `\\b(test|it|describe|suite)\\.(${['on' + 'ly', 'sk' + 'ip', 'to' + 'do'].join('|')})\\b`,
)

export function leftoverViolations({ path, text }: SourceFile): string[] {
  const unfinished = leftovers.exec(text)?.[1]
  const switched = switchedTests.exec(text)?.[0]
  return [
    ...(unfinished ? [`${path}: says ${unfinished}: finish it, or write down elsewhere what is left`] : []),
    ...(switched ? [`${path}: has ${switched}: no test is switched off or on alone`] : []),
  ]
}

const bannedWords = new Set(['util', 'utils', 'helper', 'helpers', 'common', 'manager', 'misc'])

export function nameViolations({ path }: SourceFile): string[] {
  const parts = path.split('/')
  const file = parts.at(-1)!
  const kebab = /^[a-z0-9]+(-[a-z0-9]+)*(\.[a-z0-9]+)*\.ts$/.test(file)
  const banned = parts.flatMap((part) => part.split(/[-.]/)).find((word) => bannedWords.has(word))
  return [
    ...(kebab ? [] : [`${path}: file names are kebab-case, like their main export`]),
    ...(banned ? [`${path}: "${banned}" says nothing: name it after what it does`] : []),
  ]
}

/** Top folders and those in them have a README.md of their own; deeper ones are explained there or by themselves. */
export function folderViolations(files: readonly SourceFile[]): string[] {
  const present = new Set(files.map((file) => file.path))
  const folders = files
    .filter(({ path }) => path.endsWith('.ts'))
    .map(({ path }) => posix.dirname(path).split('/').slice(0, readmeDepth).join('/'))
  return [...new Set(folders)]
    .filter((folder) => !listFolders.has(folder) && !present.has(`${folder}/README.md`))
    .map(
      (folder) => `${folder}: has code but no README.md (what comes in, what goes out, invariants, what to read first)`,
    )
}

const readmeDepth = 2
/** Lists, not systems: schemas/README.md explains them. */
const listFolders = new Set(['schemas/generate', 'schemas/layouts'])

/** The text with comments blanked. Strings stay: module names stand in them. */
export function withoutComments(text: string): string {
  const strings = /("(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|`(?:\\.|[^`\\])*`)|\/\/[^\n]*|\/\*[\s\S]*?\*\//g
  return text.replace(strings, (_match, string: string | undefined) => string ?? ' ')
}
