// freshet tail TOPIC: records as they are, decoded, one a line.

import { decode } from '../../../schemas/codec.ts'
import type { Log, LogRecord } from '../../../streams/log/log.ts'
import { partitionOf } from '../../../streams/log/log.ts'
import { readDeadLetter } from '../../../streams/processor/dead-letter.ts'
import { FreshetError } from '../../../streams/runtime/errors.ts'
import { openPresentLog } from '../command-log.ts'
import { output } from '../output.ts'
import { parsePosition, resolvePosition } from '../position.ts'

const batchRecords = 500
const followWaitMs = 1_000

export async function run([topic]: string[], options: Record<string, unknown>): Promise<void> {
  const out = output(options.json === true)
  const log = await openPresentLog(options)
  const stop = new AbortController()
  process.once('SIGINT', () => stop.abort())
  let shown = 0
  const max = options.max === undefined ? Number.POSITIVE_INFINITY : Number(options.max)
  try {
    const partitions = await partitionsOf(log, topic!)
    const position = parsePosition(String(options.from), Date.now())
    const show = (record: LogRecord): boolean => {
      if (shown >= max) return false
      shown++
      process.stdout.write(`${JSON.stringify(readable(record))}\n`)
      return shown < max
    }
    await Promise.all(
      partitions.map((partition) =>
        tailPartition(log, topic!, partition, position, options.follow === true, stop, show),
      ),
    )
    if (out.json) out.result({ topic, records: shown }, '')
  } finally {
    await log.close()
  }
}

async function tailPartition(
  log: Log,
  topic: string,
  partition: number,
  position: ReturnType<typeof parsePosition>,
  follow: boolean,
  stop: AbortController,
  show: (record: LogRecord) => boolean,
): Promise<void> {
  const place = { topic, partition: partitionOf(partition) }
  const { latest } = await log.bounds(place)
  const reader = await log.openReader({ ...place, from: await resolvePosition(log, place, position) })
  try {
    while (!stop.signal.aborted && (follow || reader.position < latest)) {
      const records = await reader.next({ recordsMax: batchRecords, waitMsMax: followWaitMs })
      for (const record of records) if (!show(record)) stop.abort()
    }
  } finally {
    await reader.close()
  }
}

async function partitionsOf(log: Log, topic: string): Promise<number[]> {
  const topics = await log.topics()
  const spec = topics.find((entry) => entry.name === topic)
  if (!spec) {
    const names = topics.map((entry) => entry.name).sort()
    throw new FreshetError('topic-unknown', `there is no topic ${topic}; the topics are ${names.join(', ')}`)
  }
  return Array.from({ length: spec.partitions }, (_, partition) => partition)
}

/** Bytes are shown by their length: features and deltas are thousands of numbers. */
function readable(record: LogRecord): unknown {
  const value = record.value === null ? null : decodedOf(record.value)
  return {
    partition: record.partition,
    offset: record.offset,
    time: new Date(record.timestampMs).toISOString(),
    key: record.key,
    value: value && JSON.parse(JSON.stringify(value, bytesAsLength)),
  }
}

/** A dead letter says why the record was refused, and holds it decoded where that is possible. */
function decodedOf(bytes: Uint8Array): unknown {
  const letter = readDeadLetter(bytes)
  if (letter === null) return decode(bytes)
  return { ...letter, value: decode(Buffer.from(letter.value, 'base64')) }
}

function bytesAsLength(this: unknown, name: string, value: unknown): unknown {
  const raw = (this as Record<string, unknown>)[name]
  return raw instanceof Uint8Array ? `<${raw.byteLength} bytes>` : value
}
