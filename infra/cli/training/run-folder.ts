// What lies in the folder of a run, and what run.json says: enough to make the same run again, and to refuse going on with
// another one in its place.
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { FreshetError } from '../../../streams/runtime/errors.ts'
import { systemDisk } from '../../../streams/runtime/system-disk.ts'
import { writeAtomically } from '../../../streams/runtime/write-atomically.ts'
import type { PartitionRange } from './merged-records.ts'
import type { FeatureOrigin } from './training-source.ts'

export const runFiles = {
  spec: 'spec.json',
  run: 'run.json',
  metrics: 'metrics.json',
  predictions: 'predictions.parquet',
  weights: 'weights.bin',
  report: 'report.html',
  plots: 'plots',
  /** Only until the run is finished. */
  checkpoint: 'checkpoint.bin',
  journal: 'journal.bin',
} as const

/** Where the examples came from. */
export type RunInput =
  | {
      readonly kind: 'log'
      /** As they were asked for. */
      readonly from: string
      readonly to: string
      /** Of `examples`, as the positions were when the run began. */
      readonly ranges: readonly PartitionRange[]
      /** What was walked to compute features anew; empty where they were frozen. */
      readonly walked: readonly PartitionRange[]
    }
  | {
      readonly kind: 'files'
      readonly files: readonly { readonly name: string; readonly checksum: string }[]
      readonly tickMs: number
    }

/** All that decides what a run computes: equal settings give equal weights, predictions and metrics. */
export interface RunSettings {
  readonly version: string
  readonly model: string
  readonly specChecksum: string
  readonly featureSet: string
  readonly features: FeatureOrigin
  readonly featureNames: readonly string[]
  readonly input: RunInput
  readonly seeds: Readonly<Record<string, number>>
  /** Impressions before this are learned but not scored; null: all are scored. */
  readonly scoreFromMs: number | null
  readonly importanceRows: number
  readonly utcOffsetMs: number
}

export interface RunFacts {
  readonly format: 1
  readonly name: string
  readonly settings: RunSettings
  readonly node: string
  readonly startedAt: string
  /** How often it went on from a checkpoint. */
  readonly resumed: number
  /** null: not finished. */
  readonly finished: FinishedRun | null
}

export interface FinishedRun {
  readonly finishedAt: string
  /** Of the life that finished it. */
  readonly seconds: number
  readonly examples: number
  readonly corrections: number
  readonly rowsPerSecond: number
  /** How often records were refused, by reason. */
  readonly rejected: Readonly<Record<string, number>>
  /** Why a live trainer would have held back what was learned; null: it would not. */
  readonly held: string | null
  /** `state` is that of a lockstep trainer; `next` the offset that it would read next. */
  readonly weights: { readonly file: string; readonly bytes: number; readonly checksum: string; readonly next: number }
}

/** null where there is no run. Throws usage on what is none. */
export function readRun(folder: string): RunFacts | null {
  const path = join(folder, runFiles.run)
  if (!existsSync(path)) return null
  const facts = JSON.parse(readFileSync(path, 'utf8')) as RunFacts
  if (facts.format === 1) return facts
  throw new FreshetError('usage', `${path} is not of a run of this version; name another folder`)
}

export async function writeJson(folder: string, file: string, value: unknown): Promise<void> {
  await writeRunFile(folder, file, `${JSON.stringify(value, null, 2)}\n`)
}

export async function writeRunFile(folder: string, file: string, content: string | Uint8Array): Promise<void> {
  await writeAtomically(systemDisk, join(folder, file), Buffer.from(content))
}

/** Throws usage, naming the first difference, where the folder holds another run than the one asked for. */
export function sameSettings(folder: string, found: RunSettings, asked: RunSettings): void {
  for (const key of Object.keys(asked) as (keyof RunSettings)[]) {
    if (JSON.stringify(found[key]) === JSON.stringify(asked[key])) continue
    throw new FreshetError(
      'usage',
      `${folder} holds another run (${key} differs); name another folder with --out, or remove this one`,
    )
  }
}
