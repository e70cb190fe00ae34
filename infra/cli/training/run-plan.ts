// From what a person asked for to the settings of a run and the examples it learns from.
import { basename } from 'node:path'
import packageFile from '../../../package.json' with { type: 'json' }
import { decode } from '../../../schemas/codec.ts'
import { checksum } from '../../../schemas/ids.ts'
import { examples } from '../../../schemas/topics.ts'
import { type FeatureSet, featureSet } from '../../../streams/features/feature-set.ts'
import { type Log, offsetOf, partitionOf } from '../../../streams/log/log.ts'
import { FreshetError } from '../../../streams/runtime/errors.ts'
import type { ModelSpec } from '../../../trainers/model/model-spec.ts'
import { foryouSpec } from '../../../trainers/model/shipped-specs.ts'
import { checkFits, readSpecFile } from '../../processes/spec-file.ts'
import type { ImportedFiles } from '../import/imported-files.ts'
import { fileChecksum, type LogFiles, pathsOf } from '../import/log-files.ts'
import { parsePosition, resolvePosition } from '../position.ts'
import { chosenFeatures } from './chosen-features.ts'
import { frozenSource } from './frozen-source.ts'
import { importedSource } from './imported-source.ts'
import type { PartitionRange } from './merged-records.ts'
import { recomputedSource, walkedRanges } from './recomputed-source.ts'
import type { RunInput, RunSettings } from './run-folder.ts'
import type { TrainingSource } from './training-source.ts'

/** What one run is to be; crosses to its thread as it is. */
export interface RunRequest {
  readonly name: string
  readonly folder: string
  /** Path of a model spec; null: the one that comes with the project. */
  readonly spec: string | null
  readonly featureFile: string | null
  readonly excludedFeatures: readonly string[]
  readonly input: RunInput
  readonly scoreFromMs: number | null
  readonly importanceRows: number
  readonly utcOffsetMs: number
}

export interface RunPlan {
  readonly settings: RunSettings
  readonly spec: ModelSpec
  readonly features: FeatureSet
}

/** Of bootstraps over users. */
export const bootstrapSeed = 1

/** Throws config-invalid, naming the file, where spec or features are not to be had or do not fit. */
export async function planRun(request: RunRequest): Promise<RunPlan> {
  const { input, scoreFromMs, importanceRows, utcOffsetMs } = request
  const spec = request.spec === null ? foryouSpec : readSpecFile(request.spec)
  const features = featureSet(await chosenFeatures(request.featureFile, request.excludedFeatures))
  if (request.spec !== null) checkFits(request.spec, spec, features)
  const tables = spec.tables.map(({ name, seed }) => [`table ${name}`, seed] as const)
  return {
    spec,
    features,
    settings: {
      version: packageFile.version,
      model: spec.model,
      specChecksum: checksum(new TextEncoder().encode(JSON.stringify(spec))),
      featureSet: features.fingerprint,
      features: input.kind === 'log' && input.walked.length === 0 ? 'frozen' : 'recomputed',
      featureNames: features.features.map(({ name }) => name),
      input,
      seeds: { model: spec.seed, ...Object.fromEntries(tables), bootstrap: bootstrapSeed },
      scoreFromMs,
      importanceRows,
      utcOffsetMs,
    },
  }
}

/** The examples between two positions, as they are now; with `rehydrate` what they came from too. */
export async function logInput(log: Log, from: string, to: string, rehydrate: boolean): Promise<RunInput> {
  const nowMs = Date.now()
  const topic = (await log.topics()).find(({ name }) => name === examples)
  if (!topic)
    throw new FreshetError('topic-unknown', `this log has no topic ${examples}; name its folder with --data-dir`)
  if (topic.partitions > 1 && [from, to].some((text) => text.startsWith('offset='))) {
    throw new FreshetError(
      'usage',
      `an offset means something else in each of ${topic.partitions} partitions; write ts=...`,
    )
  }
  const ranges: PartitionRange[] = []
  for (let number = 0; number < topic.partitions; number++) {
    const place = { topic: examples, partition: partitionOf(number) }
    const first = await resolvePosition(log, place, parsePosition(from, nowMs))
    const end = await resolvePosition(log, place, parsePosition(to, nowMs))
    ranges.push({ ...place, from: first, to: end })
  }
  if (ranges.every((range) => range.from >= range.to)) {
    throw new FreshetError('usage', `nothing was joined between ${from} and ${to}; freshet topics shows what there is`)
  }
  return { kind: 'log', from, to, ranges, walked: rehydrate ? await walkedRanges(log, topic.partitions) : [] }
}

/** What the files hold now. Throws as readLogFiles. */
export function filesInput(chosen: LogFiles, tickMs: number): RunInput {
  const files = pathsOf(chosen).map((path) => ({ name: basename(path), checksum: fileChecksum(path) }))
  return { kind: 'files', files, tickMs }
}

/** Throws usage where frozen features are not those of the run. */
export async function logSource(log: Log, { settings, features }: RunPlan): Promise<TrainingSource> {
  const { input } = settings
  if (input.kind !== 'log') throw new FreshetError('usage', 'this run reads files')
  if (input.walked.length > 0) return recomputedSource(log, features, input.ranges, input.walked)
  const frozen = await firstFeatureSet(log, input.ranges)
  if (frozen !== null && frozen !== features.fingerprint) {
    throw new FreshetError(
      'usage',
      `these examples were frozen under feature set ${frozen}, this run's is ${features.fingerprint}; add --rehydrate`,
    )
  }
  return frozenSource(log, input.ranges)
}

export function filesSource(files: ImportedFiles, { settings, features }: RunPlan): TrainingSource {
  const { input } = settings
  if (input.kind !== 'files') throw new FreshetError('usage', 'this run reads a log')
  return importedSource(files, features, input.tickMs)
}

/** Of the first example; null where there is none. */
async function firstFeatureSet(log: Log, ranges: readonly PartitionRange[]): Promise<string | null> {
  for (const { topic, partition, from, to } of ranges) {
    const reader = await log.openReader({ topic, partition, from: offsetOf(from) })
    try {
      while (reader.position < to) {
        for (const { value } of await reader.next({ recordsMax: 500, waitMsMax: 1_000 })) {
          const record = value === null ? null : decode(value)
          if (record?.type === 'Example') return record.featureSet
        }
      }
    } finally {
      await reader.close()
    }
  }
  return null
}
