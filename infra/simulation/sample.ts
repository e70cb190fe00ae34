// The sample of the KuaiRand log that the project carries: where it lies, and its videos as a catalog to swipe.
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { CatalogVideo } from './tastes.ts'

const folder = join(dirname(fileURLToPath(import.meta.url)), 'sample')

/** Files of the sample, in the columns of KuaiRand. See sample/README.md for its licence. */
export const samplePaths = {
  log: join(folder, 'log.csv.gz'),
  users: join(folder, 'users.csv.gz'),
  videos: join(folder, 'videos.csv.gz'),
} as const

/** What the population must know of published videos. */
export function catalogOf(videos: Iterable<CatalogVideo>): CatalogVideo[] {
  return Array.from(videos, ({ videoId, creatorId, hashtags, durationMs }) => ({
    videoId,
    creatorId,
    hashtags: [...hashtags],
    durationMs,
  }))
}
