// Cuts the sample beside this file out of the KuaiRand files: the whole week of users chosen by a hash of their id, those
// users' profiles, and every video they were shown. Lines are copied as they stand; the same input gives the same bytes.
// Run: node infra/simulation/sample/cut-sample.ts FOLDER_WITH_THE_THREE_FILES
import { readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gunzipSync, gzipSync } from 'node:zlib'
import { uniformOf } from '../../../schemas/ids.ts'

const userShare = 0.18
const here = dirname(fileURLToPath(import.meta.url))
const source = process.argv[2]
if (!source) {
  console.error('give the folder that holds log_week1.csv.gz, user_features.csv.gz and video_features_basic.csv.gz')
  process.exit(2)
}

const log = lines('log_week1.csv.gz')
const rows = log.slice(1).filter((line) => uniformOf(cell(line, 0), 'kuairand-sample') < userShare)
const users = new Set(rows.map((line) => cell(line, 0)))
const videos = new Set(rows.map((line) => cell(line, 1)))
write('log.csv.gz', [log[0]!, ...rows])
writeChosen('user_features.csv.gz', 'users.csv.gz', users)
writeChosen('video_features_basic.csv.gz', 'videos.csv.gz', videos)

function writeChosen(from: string, to: string, ids: ReadonlySet<string>): void {
  const [header, ...all] = lines(from)
  write(to, [header!, ...all.filter((line) => ids.has(cell(line, 0)))])
}

function lines(name: string): string[] {
  return gunzipSync(readFileSync(join(source!, name)))
    .toString('utf8')
    .split('\n')
    .filter((line) => line !== '')
}

/** Ids stand in the first columns, before any quoted one. */
function cell(line: string, column: number): string {
  return line.split(',', column + 1)[column]!
}

function write(name: string, chosen: readonly string[]): void {
  const bytes = gzipSync(Buffer.from(`${chosen.join('\n')}\n`), { level: 9 })
  writeFileSync(join(here, name), bytes)
  console.log(`${name}: ${chosen.length - 1} rows, ${bytes.length} bytes`)
}
