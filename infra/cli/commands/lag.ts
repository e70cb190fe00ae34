// freshet lag: for every consumer group and partition, how many records are still to be processed.
import { setTimeout as sleep } from 'node:timers/promises'
import type { Log } from '../../../streams/log/log.ts'
import { partitionOf } from '../../../streams/log/log.ts'
import { openPresentLog } from '../command-log.ts'
import { output } from '../output.ts'
import { tableText } from '../table-text.ts'

interface LagRow {
  readonly group: string
  readonly topic: string
  readonly partition: number
  readonly committed: number
  readonly latest: number
  readonly lag: number
}

export async function run(_: string[], options: Record<string, unknown>): Promise<void> {
  const out = output(options.json === true)
  const log = await openPresentLog(options)
  try {
    do {
      const rows = await lagOf(log)
      const cells = rows.map((row) => [row.group, row.topic, row.partition, row.committed, row.latest, row.lag])
      const words = tableText(['group', 'topic', 'partition', 'committed', 'latest', 'lag'], cells)
      if (options.watch === true && !out.json && process.stdout.isTTY) process.stdout.write('\u001b[H\u001b[2J')
      out.result({ lag: rows, total: rows.reduce((sum, row) => sum + row.lag, 0) }, words)
      if (options.watch === true) await sleep(1_000)
    } while (options.watch === true)
  } finally {
    await log.close()
  }
}

async function lagOf(log: Log): Promise<LagRow[]> {
  const rows: LagRow[] = []
  for (const group of (await log.groups()).sort()) {
    for (const spec of await log.topics()) {
      for (const [partition, committed] of await log.committed(group, spec.name)) {
        const { latest } = await log.bounds({ topic: spec.name, partition: partitionOf(partition) })
        rows.push({ group, topic: spec.name, partition, committed, latest, lag: Math.max(0, latest - committed) })
      }
    }
  }
  return rows
}
