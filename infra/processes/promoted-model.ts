// Which model this deployment runs: the one promoted last, by an event, so that a restart undoes nothing; before any promotion
// the one that the configuration names. A promotion is read when a process starts.
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { decode, recordTypeOf } from '../../schemas/codec.ts'
import type { ModelPromoted } from '../../schemas/generated.ts'
import { policies } from '../../schemas/topics.ts'
import { type Log, partitionOf } from '../../streams/log/log.ts'
import { systemDisk } from '../../streams/runtime/system-disk.ts'
import { writeAtomically } from '../../streams/runtime/write-atomically.ts'
import type { Config } from '../config/config.ts'
import { readBlobs } from './blob-folder.ts'
import { modelSetup } from './model-setup.ts'

/** Where the spec of a model that was promoted lies in the blob store. */
export const specBlob = (model: string): string => `models/${model}.json`

/** The configuration with the spec of the promoted model. Throws blob-missing where its spec is not stored. */
export async function withPromotedModel(
  log: Pick<Log, 'bounds' | 'openReader' | 'topics'>,
  config: Config,
): Promise<Config> {
  const promoted = await promotedModel(log)
  if (promoted === null || promoted.model === modelSetup(config).spec.model) return config
  const bytes = await readBlobs(config).get(specBlob(promoted.model))
  const folder = join(config.dataDir, 'promoted')
  const path = join(folder, `${promoted.model}.json`)
  mkdirSync(folder, { recursive: true })
  await writeAtomically(systemDisk, path, bytes)
  return { ...config, model: { ...config.model, spec: path } }
}

/** The last promotion that the log holds; null before the first. */
export async function promotedModel(log: Pick<Log, 'bounds' | 'openReader' | 'topics'>): Promise<ModelPromoted | null> {
  if (!(await log.topics()).some(({ name }) => name === policies)) return null
  const place = { topic: policies, partition: partitionOf(0) }
  const { earliest, latest } = await log.bounds(place)
  const reader = await log.openReader({ ...place, from: earliest })
  let newest: ModelPromoted | null = null
  try {
    while (reader.position < latest) {
      const read = await reader.next({ recordsMax: 256, waitMsMax: 1_000 })
      if (read.length === 0) break
      for (const { value } of read) {
        const record = value !== null && recordTypeOf(value) === 'ModelPromoted' ? decode(value) : null
        if (record?.type === 'ModelPromoted') newest = record
      }
    }
    return newest
  } finally {
    await reader.close()
  }
}
