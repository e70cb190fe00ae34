// The three files of a KuaiRand log as events, with what could not be read said once per kind.

import { type BadRows, describeBadRows } from './bad-rows.ts'
import type { ImportedFiles } from './imported-files.ts'
import { creatorsOf, kuairandTimeline, userJoined, videoPublished } from './kuairand-events.ts'
import {
  collectRows,
  type LogRow,
  readLog,
  readUsers,
  readVideos,
  type UserRow,
  type VideoRow,
} from './kuairand-reader.ts'

export interface KuairandPaths {
  readonly logs: readonly string[]
  readonly users: string
  readonly videos: string
}

export interface KuairandFiles extends ImportedFiles {
  readonly rows: readonly LogRow[]
}

export async function readKuairand(paths: KuairandPaths): Promise<KuairandFiles> {
  const bad: BadRows = new Map()
  const videos = await collectRows(readVideos(paths.videos, bad))
  const users = await collectRows(readUsers(paths.users, bad))
  const rows = await collectRows(readLog(paths.logs, bad))
  return kuairandFiles(rows, users, videos, bad)
}

export function kuairandFiles(
  rows: readonly LogRow[],
  users: readonly UserRow[],
  videos: readonly VideoRow[],
  bad: BadRows,
): KuairandFiles {
  const firstTimeMs = rows.reduce((earliest, row) => Math.min(earliest, row.timeMs), Number.POSITIVE_INFINITY)
  const creatorOf = creatorsOf(videos)
  return {
    rows,
    rowCount: rows.length,
    users: users.map((row) => userJoined(row, firstTimeMs)),
    videos: videos.map((row) => videoPublished(row, firstTimeMs)),
    timeline: (repeats) => kuairandTimeline(rows, { creatorOf, repeats }),
    badRows: bad,
    complaints: describeBadRows(bad),
  }
}
