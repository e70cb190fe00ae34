// Which model this deployment runs: the one promoted last, by an event, so that a restart undoes nothing; before any promotion
// the one that the configuration names. A promotion is read when a process starts.
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import type { ModelPromoted } from '../../schemas/generated.ts'
import type { Log } from '../../streams/log/log.ts'
import { systemDisk } from '../../streams/runtime/system-disk.ts'
import { writeAtomically } from '../../streams/runtime/write-atomically.ts'
import type { Config } from '../config/config.ts'
import { readBlobs } from './blob-folder.ts'
import { modelSetup } from './model-setup.ts'
import { policiesInLog } from './policy-feed.ts'

/** Where the spec of a model that a command named lies in the blob store. */
export const specBlob = (model: string): string => `models/${model}.json`

/** The configuration with the spec of the promoted model. Throws blob-missing where its spec is not stored. */
export async function withPromotedModel(
  log: Pick<Log, 'bounds' | 'openReader' | 'topics'>,
  config: Config,
): Promise<Config> {
  const promoted = await promotedModel(log)
  return promoted === null ? config : withModel(config, promoted.model)
}

/** The configuration with the spec of this model. Throws blob-missing where its spec is not stored. */
export async function withModel(config: Config, model: string): Promise<Config> {
  if (model === modelSetup(config).spec.model) return config
  const bytes = await readBlobs(config).get(specBlob(model))
  const folder = join(config.dataDir, 'promoted')
  const path = join(folder, `${model}.json`)
  mkdirSync(folder, { recursive: true })
  await writeAtomically(systemDisk, path, bytes)
  return { ...config, model: { ...config.model, spec: path } }
}

/** The last promotion that the log holds; null before the first. */
export async function promotedModel(log: Pick<Log, 'bounds' | 'openReader' | 'topics'>): Promise<ModelPromoted | null> {
  return (await policiesInLog(log)).findLast((record) => record.type === 'ModelPromoted') ?? null
}
