// freshet topics: every topic with its partitions, how it is kept and how much it holds.
import { partitionOf } from '../../../streams/log/log.ts'
import { openPresentLog } from '../command-log.ts'
import { output } from '../output.ts'
import { tableText } from '../table-text.ts'

export async function run(_: string[], options: Record<string, unknown>): Promise<void> {
  const out = output(options.json === true)
  const log = await openPresentLog(options)
  try {
    const topics = []
    for (const spec of (await log.topics()).sort((a, b) => a.name.localeCompare(b.name))) {
      let records = 0
      const offsets: Record<string, [number, number]> = {}
      for (let partition = 0; partition < spec.partitions; partition++) {
        const { earliest, latest } = await log.bounds({ topic: spec.name, partition: partitionOf(partition) })
        offsets[partition] = [earliest, latest]
        records += latest - earliest
      }
      topics.push({ ...spec, offsetSpan: records, offsets })
    }
    const rows = topics.map((topic) => [topic.name, topic.partitions, topic.offsetSpan, keptText(topic)])
    out.result({ topics }, tableText(['topic', 'partitions', 'records', 'kept'], rows))
  } finally {
    await log.close()
  }
}

function keptText(spec: { retentionMs: number | null; compacted: boolean }): string {
  if (spec.compacted) return 'newest per key'
  return spec.retentionMs === null ? 'for ever' : `${(spec.retentionMs / 86_400_000).toFixed(2)} days`
}
