// The three files of a KuaiRand log as events, with what could not be read said once per kind.

import type { UserJoined, VideoPublished } from '../../../schemas/generated.ts'
import type { TimelineEvent } from './kuairand-events.ts'
import { creatorsOf, kuairandTimeline, userJoined, videoPublished } from './kuairand-events.ts'
import {
  type BadRows,
  collectRows,
  describeBadRows,
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

export interface KuairandFiles {
  readonly rows: readonly LogRow[]
  readonly users: readonly UserJoined[]
  readonly videos: readonly VideoPublished[]
  /** Impressions and engagements in event-time order, repeated rows dropped or kept. */
  timeline(repeats: 'keep' | 'drop'): Generator<TimelineEvent>
  /** One line per kind of row that could not be read. */
  readonly complaints: readonly string[]
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
    users: users.map((row) => userJoined(row, firstTimeMs)),
    videos: videos.map((row) => videoPublished(row, firstTimeMs)),
    timeline: (repeats) => kuairandTimeline(rows, { creatorOf, repeats }),
    complaints: describeBadRows(bad),
  }
}
