// A log made elsewhere as the flags of a command name it: the files of KuaiRand, or whatever a mapping says. Plain values, so
// that a thread can be told of them.
import { readFileSync } from 'node:fs'
import { checksum } from '../../../schemas/ids.ts'
import { FreshetError } from '../../../streams/runtime/errors.ts'
import { type ReadingProgress, readCsv } from './csv-files.ts'
import type { ImportedFiles } from './imported-files.ts'
import { type KuairandPaths, readKuairand } from './kuairand-files.ts'
import { mappedPaths } from './mapped-paths.ts'
import { readMapping } from './read-mapping.ts'

export type LogFiles =
  | ({ readonly shape: 'kuairand' } & KuairandPaths)
  | {
      readonly shape: 'csv'
      /** Path of the mapping. */
      readonly mapping: string
      /** Log files in place of the mapping's; null: those. */
      readonly logs: readonly string[] | null
    }

/** Flags that name files, as commands of this program have them; `from` begins a range of the engine's own log. */
export type LogFlags = Readonly<
  Partial<Record<'from' | 'mapping' | 'log' | 'kuairandLog' | 'users' | 'videos', unknown>>
>

export interface ReadingOptions {
  /** Takes a mapped log of which more rows are bad than its mapping allows: to look at. */
  readonly anyBadRows?: boolean
  onProgress?(progress: ReadingProgress): void
}

/** Null: the flags name a range of the engine's log instead. Throws usage where they name nothing, or do not go together. */
export function chosenLogFiles(command: string, flags: LogFlags): LogFiles | null {
  const { from, mapping, log, kuairandLog, users, videos } = flags
  const wrong = (problem: string) => new FreshetError('usage', `${command}: ${problem}`)
  const beginning = { '--from': from, '--mapping': mapping, '--kuairand-log': kuairandLog }
  const given = Object.entries(beginning).flatMap(([flag, value]) => (value === undefined ? [] : [flag]))
  if (given.length > 1) throw wrong(`${given.join(' and ')} name different logs; leave all but one out`)
  if (log !== undefined && mapping === undefined) {
    throw wrong('--log goes with --mapping, which says how to read it; files of KuaiRand are named by --kuairand-log')
  }
  const tables = Object.entries({ '--users': users, '--videos': videos })
  for (const [flag, value] of tables) {
    if (value === undefined || kuairandLog !== undefined) continue
    if (mapping === undefined) throw wrong(`${flag} goes with --kuairand-log; add that`)
    throw wrong(`${flag} is of KuaiRand; with --mapping write ${flag.slice(2)}.file into the mapping and leave it out`)
  }
  if (mapping !== undefined) {
    return { shape: 'csv', mapping: String(mapping), logs: log === undefined ? null : String(log).split(',') }
  }
  if (kuairandLog !== undefined) {
    const missing = tables.flatMap(([flag, value]) => (value === undefined ? [flag] : []))
    if (missing.length > 0)
      throw wrong(`--kuairand-log needs ${missing.join(' and ')}, the tables beside the log; add it`)
    return { shape: 'kuairand', logs: String(kuairandLog).split(','), users: String(users), videos: String(videos) }
  }
  if (from !== undefined) return null
  throw wrong(
    'nothing to read is named; give --from for the examples of the log, --mapping for a log of any shape (docs/import.md), ' +
      'or --kuairand-log with --users and --videos',
  )
}

/** Throws config-invalid for a mapping that does not fit itself or its files, usage for files that cannot be taken. */
export function readLogFiles(files: LogFiles, options: ReadingOptions = {}): Promise<ImportedFiles> {
  if (files.shape === 'kuairand') return readKuairand(files)
  const { mapping, logs } = files
  return readCsv({ mapping, ...(logs && { logs }), ...options })
}

/** Every file that is read, the mapping too. Throws as readLogFiles for a mapping that does not fit itself. */
export function pathsOf(files: LogFiles): string[] {
  if (files.shape === 'kuairand') return [...files.logs, files.users, files.videos]
  const { logs, users, videos } = mappedPaths(readMapping(files.mapping), files.mapping, files.logs)
  return [files.mapping, ...logs, ...[users, videos].filter((path) => path !== null)]
}

/** Of a whole file. Throws usage where it cannot be read. */
export function fileChecksum(path: string): string {
  try {
    return checksum(readFileSync(path))
  } catch (cause) {
    throw new FreshetError('usage', `${path} cannot be read: give the path of a text file, plain or gzipped`, { cause })
  }
}

/** One line of progress. */
export function readingText({ file, bytesRead, bytes }: ReadingProgress): string {
  const share = bytes === 0 ? 100 : (100 * bytesRead) / bytes
  return `${share.toFixed(0).padStart(3)} %  reading ${file}`
}
