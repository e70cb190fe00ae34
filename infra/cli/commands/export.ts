// freshet export: a topic as a Parquet file, for whatever reads one.
import { resolve } from 'node:path'
import { featureSet } from '../../../streams/features/feature-set.ts'
import { type Log, partitionOf } from '../../../streams/log/log.ts'
import { FreshetError } from '../../../streams/runtime/errors.ts'
import { commandConfig } from '../command-config.ts'
import { openConfiguredLog } from '../command-log.ts'
import { exportTopic } from '../export/export-topic.ts'
import { output } from '../output.ts'
import { parsePosition, resolvePosition } from '../position.ts'
import { chosenFeatures } from '../training/chosen-features.ts'
import type { PartitionRange } from '../training/merged-records.ts'

export async function run([topic]: string[], options: Record<string, unknown>): Promise<void> {
  const out = output(options.json === true)
  if (options.parquet === undefined) throw new FreshetError('usage', 'export: add --parquet FILE')
  const config = commandConfig(options)
  const chosen = options.features === undefined ? null : String(options.features)
  const features = featureSet(await chosenFeatures(chosen, config.model.excludedFeatures))
  const path = resolve(String(options.parquet))
  const log = await openConfiguredLog(config)
  try {
    const ranges = await rangesOf(log, topic!, String(options.from), String(options.to))
    const report = await exportTopic({
      log,
      topic: topic!,
      ranges,
      path,
      features,
      onProgress: (rows) => out.progress(`${rows.toLocaleString('en')} rows`),
    })
    const other = report.otherFeatureSets
    const hint = other > 0 ? `\n${other} examples have features of another set: those columns are null` : ''
    out.result({ topic, path, ...report }, `${report.rows} rows of ${report.columns} columns in ${path}${hint}`)
  } finally {
    await log.close()
  }
}

async function rangesOf(log: Log, topic: string, from: string, to: string): Promise<PartitionRange[]> {
  const topics = await log.topics()
  const spec = topics.find(({ name }) => name === topic)
  if (!spec) {
    const names = topics.map(({ name }) => name).sort()
    throw new FreshetError('topic-unknown', `there is no topic ${topic}; the topics are ${names.join(', ')}`)
  }
  const nowMs = Date.now()
  const ranges: PartitionRange[] = []
  for (let number = 0; number < spec.partitions; number++) {
    const place = { topic, partition: partitionOf(number) }
    const first = await resolvePosition(log, place, parsePosition(from, nowMs))
    const end = await resolvePosition(log, place, parsePosition(to, nowMs))
    ranges.push({ ...place, from: first, to: end })
  }
  return ranges
}
