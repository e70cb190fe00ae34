// A topic on disk: topics/NAME/topic.json says what it is, topics/NAME/0 .. hold its partitions.
import type { TopicSpec } from '../../schemas/topics.ts'
import type { Disk } from '../runtime/disk.ts'
import { FreshetError } from '../runtime/errors.ts'
import type { Runtime } from '../runtime/runtime.ts'
import { readWhole, writeAtomically } from '../runtime/write-atomically.ts'
import { forEachRecord } from './batch-frame.ts'
import { EventWindow } from './event-window.ts'
import type { LogLimits } from './log-limits.ts'
import { PartitionLog } from './partition-log.ts'
import { type Repair, recoverPartition } from './partition-recovery.ts'
import { eventIdRangeAt, offsetDeltaAt } from './record-frame.ts'
import type { Segment } from './segment.ts'

export interface Topic {
  spec: TopicSpec
  readonly partitions: PartitionLog[]
}

export interface TopicOptions extends LogLimits {
  readonly disk: Disk
  readonly directory: string
  readonly runtime: Runtime
}

const specName = 'topic.json'

/** What stands in a topic name by Kafka's rules is safe in a folder name; anything else is a programmer error. */
function folderOf(directory: string, topic: string): string {
  if (!/^[A-Za-z0-9._-]{1,249}$/.test(topic) || topic === '.' || topic === '..') {
    throw new FreshetError('usage', `"${topic}" is no topic name: use letters, digits, dot, underscore and dash`)
  }
  return `${directory}/topics/${topic}`
}

export async function writeTopicSpec(disk: Disk, directory: string, spec: TopicSpec): Promise<void> {
  const folder = folderOf(directory, spec.name)
  await disk.makeDirectory(folder)
  await writeAtomically(disk, `${folder}/${specName}`, Buffer.from(`${JSON.stringify(spec, null, 1)}\n`))
}

export async function readTopicSpecs(disk: Disk, directory: string): Promise<TopicSpec[]> {
  const specs: TopicSpec[] = []
  for (const name of await disk.list(`${directory}/topics`)) {
    // A folder without topic.json is a creation that a crash ended: as if it had not been.
    const bytes = await readWhole(disk, `${directory}/topics/${name.replace(/\/$/, '')}/${specName}`)
    if (bytes) specs.push(JSON.parse(bytes.toString('utf8')) as TopicSpec)
  }
  return specs
}

/** `durableOffsets`: by partition, what is known to have been durable. */
export async function openTopic(
  options: TopicOptions,
  spec: TopicSpec,
  durableOffsets: readonly number[],
): Promise<{ topic: Topic; repairs: Repair[] }> {
  const { disk, runtime } = options
  const topic: Topic = { spec, partitions: [] }
  const repairs: Repair[] = []
  for (let partition = 0; partition < spec.partitions; partition++) {
    const place = { topic: spec.name, partition, directory: `${folderOf(options.directory, spec.name)}/${partition}` }
    await disk.makeDirectory(place.directory)
    const { segments, repair } = await recoverPartition(disk, place, durableOffsets[partition] ?? 0)
    if (repair) repairs.push(repair)
    const window = await windowOf(options, spec, segments)
    topic.partitions.push(
      new PartitionLog({ disk, runtime, limits: options, place, segments, window, spec: () => topic.spec }),
    )
  }
  return { topic, repairs }
}

/** The event ids of the window, read from the segments that are young enough. */
async function windowOf(
  options: TopicOptions,
  spec: TopicSpec,
  segments: readonly Segment[],
): Promise<EventWindow | null> {
  if (spec.idempotenceMs === null) return null
  const window = new EventWindow(spec.idempotenceMs, options.eventIdsMax)
  const sinceMs = options.runtime.clock.nowMs() - spec.idempotenceMs
  for (const segment of segments) {
    if (segment.index.appendedMsNewest < sinceMs) continue
    const scanner = segment.scannerBefore(segment.baseOffset)
    for (;;) {
      const batch = await scanner.next(segment.durableBytes)
      if (batch === 'end') break
      if (batch === 'bad') throw segment.corrupt(scanner.position, segment.baseOffset, 'no intact batch')
      const { header, body } = batch
      if (header.appendedMs < sinceMs) continue
      forEachRecord(body, header.recordCount, (at) => {
        const range = eventIdRangeAt(body, at)
        if (!range) return
        window.addBytes(body, range.start, range.end, header.baseOffset + offsetDeltaAt(body, at), header.appendedMs)
      })
    }
  }
  return window
}
