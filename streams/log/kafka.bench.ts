// What a log costs one process that follows many partitions: time from an append to its read, records appended and read per
// second, processor time of the client per record, and how long small appends take beside large ones of another topic.
import type { TopicSpec } from '../../schemas/topics.ts'
import type { Clock, Timers } from '../runtime/runtime.ts'
import { type Log, type NewRecord, offsetOf, type Partition, partitionOf } from './log.ts'

export interface LogBenchOptions {
  /** Opens a log with connections of its own. */
  open(): Promise<Log>
  readonly clock: Clock
  readonly timers: Timers
  /** Processor time of this process so far, milliseconds. */
  cpuMs(): number
  /** Ends every topic name, so that runs on one server do not meet. */
  readonly run: string
}

export interface LatencyMs {
  readonly p50: number
  readonly p99: number
}
export interface Throughput {
  readonly recordBytes: number
  readonly partitions: number
  readonly appendedPerSecond: number
  readonly appendedMegabytesPerSecond: number
  readonly readPerSecond: number
  /** Processor time of this process, appends and reads each, microseconds a record. */
  readonly cpuMicrosPerAppend: number
  readonly cpuMicrosPerRead: number
}
export interface LogBench {
  /** From the call of append to the return of next, one process following 64 partitions, by appends per second. */
  readonly appendToRead: {
    readonly appendsPerSecond: number
    readonly latencyMs: LatencyMs
    readonly cpuShare: number
  }[]
  readonly throughput: Throughput[]
  /** Appends of 300 B while 300 KB after 300 KB goes to another topic. */
  readonly besideLargeAppends: { readonly latencyMs: LatencyMs }
  readonly boundsPerSecond: number
}

const followed = 64
const smallBytes = 300
const largeBytes = 100_000

export async function benchLog(options: LogBenchOptions): Promise<LogBench> {
  const [writer, reader] = [await options.open(), await options.open()]
  const bench = { ...options, writer, reader }
  try {
    const appendToRead = [await measureLatency(bench, 20, 100), await measureLatency(bench, 200, 1_000)]
    const throughput: Throughput[] = []
    for (const [recordBytes, records] of [
      [smallBytes, 120_000],
      [largeBytes, 1_600],
    ] as const) {
      for (const partitions of [1, 16])
        throughput.push(await measureThroughput(bench, recordBytes, records, partitions))
    }
    const besideLargeAppends = await measureBesideLarge(bench)
    return { appendToRead, throughput, besideLargeAppends, boundsPerSecond: await measureBounds(bench) }
  } finally {
    await writer.close()
    await reader.close()
  }
}

interface Bench extends LogBenchOptions {
  readonly writer: Log
  readonly reader: Log
}

async function topicOf({ writer, run }: Bench, name: string, partitions: number): Promise<string> {
  const spec: TopicSpec = {
    name: `bench-${name}-${run}`,
    partitions,
    retentionMs: 3_600_000,
    compacted: false,
    idempotenceMs: null,
  }
  await writer.ensureTopic(spec)
  return spec.name
}

function recordOf(bytes: number, partition: Partition): NewRecord {
  return { key: null, value: Buffer.alloc(bytes, 7), timestampMs: 1_700_000_000_000, partition }
}

async function measureLatency(bench: Bench, appendsPerSecond: number, appends: number) {
  const { clock, timers, writer, reader } = bench
  const topic = await topicOf(bench, `latency-${appendsPerSecond}`, followed)
  // One append to each partition opens what has to be opened, and is not counted.
  await writer.append(
    topic,
    Array.from({ length: followed }, (_, number) => recordOf(smallBytes, partitionOf(number))),
  )
  const startedMs = new Map<string, number>()
  const tookMs: number[] = []
  const over = Promise.withResolvers<void>()
  const readers = await Promise.all(
    Array.from({ length: followed }, (_, number) =>
      reader.openReader({ topic, partition: partitionOf(number), from: offsetOf(1) }),
    ),
  )
  const following = readers.map(async (one, number) => {
    while (tookMs.length < appends) {
      for (const { offset } of await one.next({ recordsMax: 100, waitMsMax: 200 })) {
        tookMs.push(clock.monotonicMs() - startedMs.get(`${number}/${offset}`)!)
        if (tookMs.length === appends) over.resolve()
      }
    }
    await one.close()
  })
  const ends = new Array<number>(followed).fill(1)
  const [cpuMs, startMs] = [bench.cpuMs(), clock.monotonicMs()]
  for (let count = 0; count < appends; count++) {
    const number = (count * 37) % followed
    startedMs.set(`${number}/${ends[number]!++}`, clock.monotonicMs())
    void writer.append(topic, [recordOf(smallBytes, partitionOf(number))])
    await timers.sleep(1_000 / appendsPerSecond)
  }
  await over.promise
  const cpuShare = (bench.cpuMs() - cpuMs) / (clock.monotonicMs() - startMs)
  await Promise.all(following)
  return { appendsPerSecond, latencyMs: latencyOf(tookMs), cpuShare }
}

async function measureThroughput(bench: Bench, recordBytes: number, records: number, partitions: number) {
  const { clock, writer, reader } = bench
  const topic = await topicOf(bench, `throughput-${recordBytes}-${partitions}`, partitions)
  const each = records / partitions
  const perAppend = Math.min(500, Math.floor(1_000_000 / recordBytes))
  const numbers = Array.from({ length: partitions }, (_, number) => partitionOf(number))
  // One lap before the measured one, so that code is compiled and connections are open.
  await Promise.all(numbers.map((partition) => appendAll(writer, topic, partition, each / 10, perAppend, recordBytes)))
  const appending = await measured(bench, () =>
    Promise.all(numbers.map((partition) => appendAll(writer, topic, partition, each, perAppend, recordBytes))),
  )
  const reading = await measured(bench, () =>
    Promise.all(
      numbers.map(async (partition) => {
        const one = await reader.openReader({ topic, partition, from: offsetOf(each / 10) })
        for (let read = 0; read < each; ) read += (await one.next({ recordsMax: 1_000, waitMsMax: 1_000 })).length
        await one.close()
      }),
    ),
  )
  const perSecond = (tookMs: number) => Math.round((1_000 * records) / tookMs)
  return {
    recordBytes,
    partitions,
    appendedPerSecond: perSecond(appending.tookMs),
    appendedMegabytesPerSecond: Math.round((perSecond(appending.tookMs) * recordBytes) / 1e6),
    readPerSecond: perSecond(reading.tookMs),
    cpuMicrosPerAppend: Math.round((10_000 * appending.cpuMs) / records) / 10,
    cpuMicrosPerRead: Math.round((10_000 * reading.cpuMs) / records) / 10,
  }

  async function measured({ cpuMs }: Bench, work: () => Promise<unknown>) {
    const [startMs, startCpuMs] = [clock.monotonicMs(), cpuMs()]
    await work()
    return { tookMs: clock.monotonicMs() - startMs, cpuMs: cpuMs() - startCpuMs }
  }
}

/** Four appends in flight. */
async function appendAll(
  log: Log,
  topic: string,
  partition: Partition,
  count: number,
  perAppend: number,
  bytes: number,
) {
  let left = Math.floor(count)
  await Promise.all(
    Array.from({ length: 4 }, async () => {
      while (left > 0) {
        const records = Array.from({ length: Math.min(left, perAppend) }, () => recordOf(bytes, partition))
        left -= records.length
        await log.append(topic, records)
      }
    }),
  )
}

async function measureBesideLarge(bench: Bench): Promise<{ latencyMs: LatencyMs }> {
  const { clock, timers, writer } = bench
  const [large, small] = [await topicOf(bench, 'large', 1), await topicOf(bench, 'small', 1)]
  const tookMs: number[] = []
  let isOver = false
  const loading = (async () => {
    while (!isOver) await writer.append(large, [recordOf(3 * largeBytes, partitionOf(0))])
  })()
  for (let count = 0; count < 300; count++) {
    const startMs = clock.monotonicMs()
    await writer.append(small, [recordOf(smallBytes, partitionOf(0))])
    if (count >= 50) tookMs.push(clock.monotonicMs() - startMs)
    await timers.sleep(5)
  }
  isOver = true
  await loading
  return { latencyMs: latencyOf(tookMs) }
}

/** Asked as tickers ask: about every partition of a topic at once. */
async function measureBounds(bench: Bench): Promise<number> {
  const { clock, reader } = bench
  const topic = await topicOf(bench, 'bounds', followed)
  const ask = () =>
    Promise.all(
      Array.from({ length: followed }, (_, number) => reader.bounds({ topic, partition: partitionOf(number) })),
    )
  await ask()
  const startMs = clock.monotonicMs()
  for (let round = 0; round < 50; round++) await ask()
  return Math.round((50 * followed * 1_000) / (clock.monotonicMs() - startMs))
}

function latencyOf(tookMs: number[]): LatencyMs {
  tookMs.sort((left, right) => left - right)
  const at = (share: number) => Math.round(100 * tookMs[Math.floor(share * (tookMs.length - 1))]!) / 100
  return { p50: at(0.5), p99: at(0.99) }
}
