// The log that `replay.ts` replays, made in a process of its own, so that what it takes to make is not in the way: KuaiRand's rows,
// frozen as an import freezes them, in laps: the same views at later times by other users. Arguments: the folder of the log and
// how many laps; prints the offset at which each lap ends, as a JSON array.
import { pathToFileURL } from 'node:url'
import { encode } from '../../schemas/codec.ts'
import type { AnyRecord } from '../../schemas/generated.ts'
import { derivedEventId } from '../../schemas/ids.ts'
import { countsModel, interactions, modelTopics, userTopics } from '../../schemas/topics.ts'
import { countReader } from '../../serving/view/count-view.ts'
import { defaultFeatures } from '../../streams/features/default-features.ts'
import { featureSet } from '../../streams/features/feature-set.ts'
import { joiner } from '../../streams/joiner/joiner.ts'
import { embeddedLog } from '../../streams/log/embedded-log.ts'
import { type Log, type NewRecord, partitionOf } from '../../streams/log/log.ts'
import { systemDisk } from '../../streams/runtime/system-disk.ts'
import { systemRuntime } from '../../streams/runtime/system-runtime.ts'
import { countsSpec, foryouSpec } from '../../trainers/model/shipped-specs.ts'
import { countShard } from '../../trainers/parameter-server/count-shard.ts'
import { wasmTable } from '../../trainers/table/wasm-table.ts'
import { importWalk } from '../cli/import/import-walk.ts'
import type { TimelineEvent } from '../cli/import/imported-events.ts'
import { type KuairandPaths, readKuairand } from '../cli/import/kuairand-files.ts'
import { samplePaths } from '../simulation/sample.ts'

/** Appended at 5,000 records a second, a partition has so many between two Ticks. */
const recordsPerTick = 500
export const tickMs = 100
const recordsPerAppend = 500
const dayMs = 86_400_000

/** The carried sample; LOGS=F,F USERS=F VIDEOS=F for another log of its kind. */
export function logPaths(): KuairandPaths {
  const { log, users, videos } = samplePaths
  const { LOGS, USERS, VIDEOS } = process.env
  return { logs: LOGS?.split(',') ?? [log], users: USERS ?? users, videos: VIDEOS ?? videos }
}

/** Appends what an import would leave in `interactions`, with a Tick now and then. Gives the end of each lap. */
async function appendLaps(log: Log, paths: KuairandPaths, laps: number): Promise<number[]> {
  const files = await readKuairand(paths)
  const features = featureSet(defaultFeatures)
  const counter = countShard({
    spec: countsSpec,
    featureSet: features,
    tableFactory: wasmTable,
    syncIntervalMs: tickMs,
  })
  const walk = importWalk({ features, joiner: joiner(), counter, counts: countReader(counter.shard) })
  for (const video of files.videos) walk.video(video)
  const pending: NewRecord[] = []
  const ends: number[] = []
  let count = 0
  const push = (key: string | null, record: AnyRecord): void => {
    const timestampMs = 1 + Math.floor((count++ * tickMs) / recordsPerTick)
    const value = encode({ ...record, receivedTimeMs: timestampMs } as AnyRecord)
    pending.push({ key, value, timestampMs, partition: partitionOf(0) })
    if (count % recordsPerTick === 0)
      push(null, { type: 'Tick', eventTimeMs: timestampMs, receivedTimeMs: timestampMs })
  }
  for (let lap = 0; lap < laps; lap++) {
    for (const user of files.users) walk.user({ ...user, userId: lapId(user.userId, lap) })
    const timeline = [...files.timeline('drop')]
    const spanMs = Math.ceil((timeOf(timeline.at(-1)!) - timeOf(timeline[0]!)) / dayMs) * dayMs
    for (const event of timeline) {
      const own = inLap(event, lap, lap * spanMs)
      if (own.kind === 'impression') push(own.userId, walk.impression(own))
      else {
        walk.engagement(own.record)
        push(own.record.userId, own.record)
      }
      if (pending.length < recordsPerAppend) continue
      walk.tick(timeOf(own))
      await log.append(interactions, pending.splice(0))
    }
    ends.push(count)
  }
  await log.append(interactions, pending)
  return ends
}

function timeOf(event: TimelineEvent): number {
  return event.kind === 'impression' ? event.impressionTimeMs : event.record.eventTimeMs
}

function lapId(id: string, lap: number): string {
  return lap === 0 ? id : `${id}+${lap}`
}

function inLap(event: TimelineEvent, lap: number, laterMs: number): TimelineEvent {
  const eventIdOf = (id: string) => (lap === 0 ? id : derivedEventId(`${id}+${lap}`))
  if (event.kind === 'impression') {
    const { userId, eventId, requestId, impressionTimeMs } = event
    const ids = { userId: lapId(userId, lap), eventId: eventIdOf(eventId), requestId: eventIdOf(requestId) }
    return { ...event, ...ids, impressionTimeMs: impressionTimeMs + laterMs }
  }
  const { userId, eventId, requestId, eventTimeMs } = event.record
  const ids = {
    userId: lapId(userId, lap),
    eventId: eventIdOf(eventId),
    requestId: requestId === null ? null : eventIdOf(requestId),
  }
  return { kind: 'engagement', record: { ...event.record, ...ids, eventTimeMs: eventTimeMs + laterMs } }
}

async function run([directory, laps]: readonly string[]): Promise<void> {
  const log = await embeddedLog({ disk: systemDisk, directory: directory!, runtime: systemRuntime })
  for (const spec of [...userTopics(1), ...modelTopics(countsModel, 1), ...modelTopics(foryouSpec.model, 1)]) {
    await log.ensureTopic(spec)
  }
  const ends = await appendLaps(log, logPaths(), Number(laps))
  await log.close()
  process.stdout.write(JSON.stringify(ends))
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) await run(process.argv.slice(2))
