// Files and mappings in a folder of their own, for tests of imports.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { readCsv } from './csv-files.ts'
import type { TimelineEvent } from './imported-events.ts'
import type { ImportedFiles } from './imported-files.ts'

export interface CsvFolder {
  /** Writes a file and returns its path. */
  write(name: string, content: string | Uint8Array): string
  /** Writes `mapping` and, where given, `log.csv`, and reads them. */
  read(mapping: object, log?: string | Uint8Array, anyBadRows?: boolean): Promise<ImportedFiles>
  remove(): void
}

export function csvFolder(): CsvFolder {
  const folder = mkdtempSync(join(tmpdir(), 'freshet-csv-'))
  const write = (name: string, content: string | Uint8Array): string => {
    const path = join(folder, name)
    writeFileSync(path, content)
    return path
  }
  return {
    write,
    read(mapping, log, anyBadRows = true) {
      if (log !== undefined) write('log.csv', log)
      return readCsv({ mapping: write('mapping.jsonc', JSON.stringify(mapping)), anyBadRows })
    },
    remove: () => rmSync(folder, { recursive: true, force: true }),
  }
}

export const ratingsMapping = {
  name: 'ratings',
  log: {
    files: 'log.csv',
    user: 'userId',
    video: 'movieId',
    time: { column: 'timestamp', unit: 's' },
    labels: { longView: { column: 'rating', atLeast: 4 } },
  },
}

/** What `import kuairand` knows of its columns, said as a mapping; `aspect` of a video, made of two columns, cannot be said. */
export function kuairandMapping(paths: { readonly log: string; readonly users: string; readonly videos: string }) {
  const flag = (column: string) => ({ column, equals: 1 })
  return {
    name: 'kuairand',
    log: {
      files: paths.log,
      user: 'user_id',
      video: 'video_id',
      time: { column: 'time_ms', unit: 'ms' },
      watchTime: { column: 'play_time_ms', unit: 'ms' },
      duration: { column: 'duration_ms', unit: 'ms' },
      labels: {
        longView: flag('long_view'),
        like: flag('is_like'),
        follow: flag('is_follow'),
        comment: flag('is_comment'),
        share: flag('is_forward'),
        notInterested: flag('is_hate'),
      },
      surface: { column: 'tab', prefix: 'tab' },
    },
    users: { file: paths.users, id: 'user_id', attributes: 'all' },
    videos: {
      file: paths.videos,
      id: 'video_id',
      creator: 'author_id',
      duration: { column: 'video_duration', unit: 'ms' },
      published: { column: 'upload_dt', unit: 'iso', zone: '+08:00' },
      sound: { column: 'music_id', none: ['0'] },
      hashtags: { column: 'tag', separator: ',' },
      attributes: 'all',
    },
  }
}

/** One word per event: what it is, of whom and what, when. */
export function eventWords(files: ImportedFiles, repeats: 'keep' | 'drop' = 'keep'): string[] {
  return [...files.timeline(repeats)].map(eventWord)
}

export function eventWord(event: TimelineEvent): string {
  if (event.kind === 'impression') return `shown ${event.userId} ${event.videoId} ${event.impressionTimeMs}`
  const { type, userId, videoId, eventTimeMs } = event.record
  return `${type} ${userId} ${videoId} ${eventTimeMs}`
}
