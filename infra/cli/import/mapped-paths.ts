// Which files a mapping reads: those that it names are beside it, those of the command line where the person stands.
import { dirname, resolve } from 'node:path'
import type { CsvMapping } from './csv-mapping.ts'

/** Absolute; null where the mapping names no such table. */
export interface MappedPaths {
  readonly logs: readonly string[]
  readonly users: string | null
  readonly videos: string | null
}

/** `logs`: in place of the log files that the mapping names; null: those. */
export function mappedPaths(
  { log, users, videos }: CsvMapping,
  mappingPath: string,
  logs: readonly string[] | null,
): MappedPaths {
  const beside = (file: string) => resolve(dirname(mappingPath), file)
  return {
    logs: logs?.map((file) => resolve(file)) ?? [log.files].flat().map(beside),
    users: users ? beside(users.file) : null,
    videos: videos ? beside(videos.file) : null,
  }
}
