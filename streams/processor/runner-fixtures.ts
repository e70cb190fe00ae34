// What tests of the runner share: a processor whose state is a sum, its input, and a run to the end of it.
import { encode } from '../../schemas/codec.ts'
import type { AnyRecord } from '../../schemas/generated.ts'
import { examples, interactions } from '../../schemas/topics.ts'
import { type LogRecord, type NewRecord, offsetOf, partitionOf } from '../log/log.ts'
import type { Life } from './crash-world.ts'
import { type PartitionRunner, type PartitionRunnerOptions, partitionRunner } from './partition-runner.ts'
import type { Processor } from './processor.ts'

export const partition = partitionOf(0)
export const owner = { group: 'g', processor: 'sum', topic: interactions, partition }

/** State: the sum of the ticks' times; emits it for each record. */
export function summing(): Processor & { sum: number } {
  return {
    name: 'sum',
    sum: 0,
    step(input, output) {
      const { eventTimeMs } = input.record as Extract<AnyRecord, { type: 'Tick' }>
      if (eventTimeMs === 13) return output.reject('unlucky')
      this.sum += eventTimeMs
      output.emit(examples, null, { type: 'Tick', eventTimeMs: this.sum, receivedTimeMs: 0 })
    },
    dump() {
      return Uint8Array.from([this.sum])
    },
    load(dump) {
      if (dump.byteLength !== 1) throw new RangeError('one byte')
      this.sum = dump[0]!
    },
  }
}

export function tick(value: number, source?: [number, number]): NewRecord {
  const bytes = encode({ type: 'Tick', eventTimeMs: value, receivedTimeMs: value })
  const position = source && { offset: offsetOf(source[0]), ordinal: source[1] }
  return { key: null, value: bytes, timestampMs: value, ...(position ? { source: position } : {}) }
}

/** Runs until the input is folded, then stops cleanly. */
export async function runThrough(life: Life, changes: Partial<PartitionRunnerOptions> = {}): Promise<PartitionRunner> {
  const { log, blobs, runtime } = life
  const runner = partitionRunner({ log, blobs, runtime, ...owner, processor: summing(), ...changes })
  const control = new AbortController()
  const run = runner.run(control.signal)
  let settled = false
  run.then(
    () => (settled = true),
    () => (settled = true),
  )
  while (!settled) {
    if (runner.progress().next >= (await log.bounds(owner)).latest) control.abort()
    // Retries wait on the clock.
    await life.runtime.advance(20)
  }
  await run
  return runner
}

export function sums(records: readonly LogRecord[]): number[] {
  return records.map((record) => Buffer.from(record.value!).readInt8(5) / 2)
}
