// Several partitions read as one: the order is that of a stable merge by time, whatever lies where, and ranges are kept.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { userTopics } from '../../../schemas/topics.ts'
import { embeddedLog } from '../../../streams/log/embedded-log.ts'
import { partitionOf } from '../../../streams/log/log.ts'
import { simulatedDisk } from '../../../streams/runtime/simulated-disk.ts'
import { simulatedRuntime } from '../../../streams/runtime/simulated-runtime.ts'
import { mergedRecords } from './merged-records.ts'

const partitions = 3
const anyTimes = fc.array(fc.array(fc.nat(20), { maxLength: 30 }), { minLength: partitions, maxLength: partitions })

test('partitions are merged by time and stay in their own order', async () => {
  await fc.assert(
    fc.asyncProperty(anyTimes, fc.nat(5), async (timesByPartition, from) => {
      const log = await embeddedLog({ disk: simulatedDisk(), directory: '/log', runtime: simulatedRuntime(1) })
      await log.ensureTopic(userTopics(partitions)[0]!)
      const { name: topic } = userTopics(partitions)[0]!
      for (const [partition, times] of timesByPartition.entries()) {
        const value = new Uint8Array([partition])
        await log.append(
          topic,
          times.map((timestampMs) => ({ key: null, value, timestampMs, partition: partitionOf(partition) })),
        )
      }
      const ranges = timesByPartition.map((times, partition) => ({
        topic,
        partition: partitionOf(partition),
        from: Math.min(from, times.length),
        to: times.length,
      }))
      const found = (await Array.fromAsync(mergedRecords(log, ranges))).flat()
      assert.deepEqual(
        found.map(({ partition, offset }) => [partition, offset]),
        merged(
          timesByPartition.map((times) => times.map((timeMs) => timeMs)),
          from,
        ),
      )
      await log.close()
    }),
    { numRuns: 30 },
  )
})

/** By hand: again and again the earliest of what stands first. */
function merged(timesByPartition: readonly (readonly number[])[], from: number): [number, number][] {
  const next = timesByPartition.map((times) => Math.min(from, times.length))
  const out: [number, number][] = []
  for (;;) {
    let best = -1
    for (const [partition, times] of timesByPartition.entries()) {
      const time = times[next[partition]!]
      if (time !== undefined && (best < 0 || time < timesByPartition[best]![next[best]!]!)) best = partition
    }
    if (best < 0) return out
    out.push([best, next[best]!++])
  }
}
