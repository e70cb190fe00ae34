// One run: every batch is predicted, then learned, by the trainer that runs live. Equal settings give equal bytes of weights
// and predictions; one that was stopped anywhere goes on from its checkpoint and ends in the same bytes.
import { join } from 'node:path'
import { checksum } from '../../../schemas/ids.ts'
import { heads } from '../../../schemas/labels.ts'
import { examples } from '../../../schemas/topics.ts'
import type { FeatureSet } from '../../../streams/features/feature-set.ts'
import { offsetOf, partitionOf } from '../../../streams/log/log.ts'
import { FreshetError } from '../../../streams/runtime/errors.ts'
import type { ModelSpec } from '../../../trainers/model/model-spec.ts'
import { type OnlineTrainer, onlineTrainer } from '../../../trainers/online-trainer.ts'
import type { TrainingRecord } from '../../../trainers/open-batch.ts'
import { wasmTable } from '../../../trainers/table/wasm-table.ts'
import { importancePools, permutedRows, poolRows } from './permutation-pool.ts'
import { type Checkpoint, readCheckpoint, writeCheckpoint } from './run-checkpoint.ts'
import { type FinishedRun, type RunSettings, runFiles, writeRunFile } from './run-folder.ts'
import { correctedRows, type JournalFrame, predictedRows, RunJournal } from './run-journal.ts'
import type { SourceRecord, TrainingSource } from './training-source.ts'

export interface TrainRunOptions {
  readonly folder: string
  readonly settings: RunSettings
  readonly spec: ModelSpec
  readonly features: FeatureSet
  readonly source: TrainingSource
  /** Records between checkpoints; it changes nothing of what comes out. */
  readonly checkpointRecords?: number
  readonly signal?: AbortSignal
  onProgress?(progress: TrainProgress): void
}

export interface TrainProgress {
  readonly examples: number
  /** Share of the records, at most 1. */
  readonly share: number
  readonly eventTimeMs: number
}

/** What is in the journal and the weights once every record is learned. */
export type LearnedRun = Omit<FinishedRun, 'finishedAt' | 'seconds' | 'rowsPerSecond'> & {
  /** Examples of this life. */
  readonly examplesNow: number
  readonly resumed: boolean
}

/** Nobody follows this trainer: a delta a day is as good as none. */
const syncIntervalMs = 86_400_000
const checkpointRecordsDefault = 50_000

/** Await denseCompute() first. Rejects with stopped when the signal says so; calling again goes on. */
export async function trainRun(options: TrainRunOptions): Promise<LearnedRun> {
  const checkpoint = await readCheckpoint(join(options.folder, runFiles.checkpoint))
  const journal = await RunJournal.open(join(options.folder, runFiles.journal), checkpoint?.journalBytes ?? 0)
  try {
    return await new TrainRun(options, journal, checkpoint).learn()
  } finally {
    await journal.close()
  }
}

class TrainRun {
  readonly #options: TrainRunOptions
  readonly #journal: RunJournal
  readonly #trainer: OnlineTrainer
  readonly #pools: readonly number[]
  readonly #resumed: boolean
  #consumed = 0
  #examples = 0
  #corrections = 0
  #poolsTaken = 0
  #isOver = false
  #rejected: Record<string, number> = {}
  #next = 0
  #frames: JournalFrame[] = []
  /** Stepped and not yet learned. */
  #waiting: TrainingRecord[] = []
  /** Read and not yet stepped. */
  #ahead: SourceRecord[] = []
  #checkpointDue: number

  constructor(options: TrainRunOptions, journal: RunJournal, checkpoint: Checkpoint | null) {
    const { spec, features, source, settings } = options
    this.#options = options
    this.#journal = journal
    this.#pools = importancePools(source.recordsExpected, settings.importanceRows)
    this.#trainer = onlineTrainer({
      spec,
      featureSet: features,
      tableFactory: wasmTable,
      syncIntervalMs,
      onLearned: (records, predictions) => this.#learned(records, predictions),
    })
    this.#resumed = checkpoint !== null
    if (checkpoint) {
      this.#trainer.load(checkpoint.state)
      this.#consumed = checkpoint.consumed
      this.#next = checkpoint.next
      this.#examples = checkpoint.examples
      this.#corrections = checkpoint.corrections
      this.#poolsTaken = checkpoint.poolsTaken
      this.#isOver = checkpoint.isOver
      this.#rejected = { ...checkpoint.rejected }
    }
    this.#checkpointDue = this.#nextCheckpoint()
  }

  async learn(): Promise<LearnedRun> {
    const examplesBefore = this.#examples
    if (!this.#isOver) await this.#fold()
    const state = this.#trainer.dump()
    await writeRunFile(this.#options.folder, runFiles.weights, state)
    return {
      examples: this.#examples,
      examplesNow: this.#examples - examplesBefore,
      corrections: this.#corrections,
      rejected: this.#rejected,
      held: this.#trainer.held?.reason ?? null,
      resumed: this.#resumed,
      weights: { file: runFiles.weights, bytes: state.byteLength, checksum: checksum(state), next: this.#next },
    }
  }

  async #fold(): Promise<void> {
    for await (const batch of this.#options.source.batches(this.#consumed)) {
      if (this.#options.signal?.aborted) {
        throw new FreshetError('stopped', `stopped; the same command goes on with what is in ${this.#options.folder}`)
      }
      this.#ahead.push(...batch)
      await this.#drain(false)
      const { source, onProgress } = this.#options
      const share = Math.min(1, this.#consumed / Math.max(1, source.recordsExpected))
      onProgress?.({ examples: this.#examples, share, eventTimeMs: batch.at(-1)?.record.eventTimeMs ?? 0 })
    }
    await this.#drain(true)
    // The last batch was closed by nothing: it is predicted, and stays in the state as what waits to be learned.
    const predictions = this.#trainer.predict(this.#waiting).map((prediction) => prediction!)
    this.#journalise(this.#waiting, predictions)
    this.#waiting = []
    this.#isOver = true
    await this.#checkpoint()
  }

  /** Steps what was read, but for what a pool of permuted rows still wants to see ahead of it. */
  async #drain(isLast: boolean): Promise<void> {
    let taken = 0
    for (; taken < this.#ahead.length; taken++) {
      if (this.#consumed === this.#pools[this.#poolsTaken] && !this.#takePool(taken, isLast)) break
      this.#step(this.#ahead[taken]!)
      if (this.#consumed >= this.#checkpointDue && this.#waiting.length === 0) await this.#checkpoint()
    }
    this.#ahead.splice(0, taken)
    await this.#flush()
  }

  #step({ offset, record }: SourceRecord): void {
    this.#consumed++
    this.#next = offset + 1
    if (record.type !== 'Tick') this.#waiting.push(record)
    this.#trainer.step(
      {
        topic: examples,
        partition: partitionOf(0),
        offset: offsetOf(offset),
        key: null,
        timestampMs: record.receivedTimeMs,
        record,
      },
      {
        emit: () => {},
        reject: (reason) => {
          this.#waiting.pop()
          this.#rejected[reason] = (this.#rejected[reason] ?? 0) + 1
        },
      },
    )
  }

  #learned(records: readonly TrainingRecord[], predictions: Float32Array): void {
    const width = heads.length
    this.#journalise(
      records,
      records.map((_, row) => predictions.slice(row * width, (row + 1) * width)),
    )
    this.#waiting = []
  }

  #journalise(records: readonly TrainingRecord[], predictions: readonly Float32Array[]): void {
    const rows = records.flatMap((record, row) => (record.type === 'Example' ? [{ record, row }] : []))
    const corrections = records.filter((record) => record.type === 'LabelCorrection')
    this.#examples += rows.length
    this.#corrections += corrections.length
    if (rows.length > 0) {
      this.#frames.push(
        predictedRows(
          rows.map(({ record }) => record),
          rows.map(({ row }) => predictions[row]!),
        ),
      )
    }
    if (corrections.length > 0) this.#frames.push(correctedRows(corrections))
  }

  /** False where more must be read first. */
  #takePool(at: number, isLast: boolean): boolean {
    const rowsMax = poolRows(this.#options.settings.importanceRows)
    const ahead = this.#ahead.slice(at).flatMap(({ record }) => (record.type === 'Example' ? [record] : []))
    if (ahead.length < rowsMax && !isLast) return false
    const { spec, features } = this.#options
    const frame = permutedRows(ahead.slice(0, rowsMax), this.#poolsTaken++, { spec, features, trainer: this.#trainer })
    if (frame) this.#frames.push(frame)
    return true
  }

  async #checkpoint(): Promise<void> {
    await this.#flush()
    await this.#journal.sync()
    await writeCheckpoint(join(this.#options.folder, runFiles.checkpoint), {
      journalBytes: this.#journal.bytes,
      consumed: this.#consumed,
      next: this.#next,
      examples: this.#examples,
      corrections: this.#corrections,
      poolsTaken: this.#poolsTaken,
      isOver: this.#isOver,
      rejected: this.#rejected,
      state: this.#trainer.dump(),
    })
    this.#checkpointDue = this.#nextCheckpoint()
  }

  async #flush(): Promise<void> {
    const frames = this.#frames
    this.#frames = []
    for (const frame of frames) await this.#journal.append(frame)
  }

  #nextCheckpoint(): number {
    return this.#consumed + (this.#options.checkpointRecords ?? checkpointRecordsDefault)
  }
}
