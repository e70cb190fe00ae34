// A run as a fold: the same bytes each time, wherever it was stopped, and nothing predicted after it was learned.
import assert from 'node:assert/strict'
import { appendFileSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import type { AnyRecord } from '../../../schemas/generated.ts'
import { systemRuntime } from '../../../streams/runtime/system-runtime.ts'
import { denseCompute } from '../../../trainers/model/compute.ts'
import { sampleFeatures, sampleSpec } from '../../../trainers/model/sample-features.ts'
import { onlineTrainer } from '../../../trainers/online-trainer.ts'
import {
  CollectedOutput,
  correctionOf,
  labelsOf,
  PlantedWorld,
  recorded,
  tick,
} from '../../../trainers/planted-world.ts'
import { wasmTable } from '../../../trainers/table/wasm-table.ts'
import { completeRun } from './complete-run.ts'
import { readPredictionsTable } from './predictions-table.ts'
import { type RunSettings, runFiles } from './run-folder.ts'
import type { TrainRunOptions } from './train-run.ts'
import type { SourceRecord, TrainingSource } from './training-source.ts'

const seed = systemRuntime.randomness.seed()
const root = mkdtempSync(join(tmpdir(), 'freshet-train-'))
const outputs = [runFiles.weights, runFiles.predictions, runFiles.metrics, runFiles.spec]
const examplesMade = 900

before(() => denseCompute())
after(() => rmSync(root, { recursive: true, force: true }))

const records = plantedStream()

describe('a run', () => {
  test('gives the same bytes each time, and those of an uninterrupted one wherever it was stopped', async (context) => {
    context.diagnostic(`seed ${seed}`)
    await completeRun(optionsIn('whole'))
    await completeRun(optionsIn('again'))
    assertSameOutputs('again', 'whole')

    let lives = 0
    for (let stopAt = 1; ; stopAt++, lives++) {
      const stopping = new AbortController()
      let batches = 0
      const run = completeRun(
        optionsIn('stopped', {
          checkpointRecords: 60,
          signal: stopping.signal,
          onProgress: () => {
            if (++batches === 1 + (stopAt % 3)) stopping.abort()
          },
        }),
      )
      const error = await run.then(
        () => null,
        (reason: { code?: string }) => reason,
      )
      if (error === null) break
      assert.equal(error.code, 'stopped')
      // What a killed process wrote after its last checkpoint, torn.
      appendFileSync(join(root, 'stopped', runFiles.journal), 'half a fra')
    }
    assert.ok(lives > 3, `${lives} lives`)
    assertSameOutputs('stopped', 'whole')
  })

  test('predicts every example once, with the weights from before its batch', async () => {
    const want = new Map<string, Float32Array>()
    const trainer = onlineTrainer({ spec: sampleSpec, featureSet: sampleFeatures, tableFactory: wasmTable })
    let batch: AnyRecord[] = []
    for (const input of recorded(records.map(({ record }) => record))) {
      if (input.record.type === 'Tick') {
        const examples = batch.filter((record) => record.type === 'Example')
        for (const [row, prediction] of trainer.predict(examples).entries()) {
          want.set(examples[row]!.exampleId, prediction!)
        }
        batch = []
      } else batch.push(input.record)
      trainer.step(input, new CollectedOutput())
    }
    const { exampleIds, scored } = await readPredictionsTable(join(root, 'whole', runFiles.predictions))
    assert.equal(exampleIds.length, examplesMade)
    const longView = scored.predictions('longView')
    for (const [row, id] of exampleIds.entries()) {
      // The last batch has no Tick behind it: it is predicted, not learned.
      const expected =
        want.get(id) ?? trainer.predict(batch.filter((one) => 'exampleId' in one && one.exampleId === id) as never)[0]!
      assert.ok(Math.abs(longView[row]! - expected[1]!) < 1e-6, `${id}: ${longView[row]} and ${expected[1]}`)
    }
  })

  test('scores on the labels as they were known in the end', async () => {
    const corrected = records.flatMap(({ record }) => (record.type === 'LabelCorrection' ? [record.exampleId] : []))
    const { exampleIds, scored } = await readPredictionsTable(join(root, 'whole', runFiles.predictions))
    const likes = scored.labels('like')
    assert.ok(corrected.length > 10)
    for (const id of corrected) assert.equal(likes[exampleIds.indexOf(id)], 1)
  })

  test('has its folder for itself', async () => {
    const [one, two] = await Promise.allSettled([completeRun(optionsIn('shared')), completeRun(optionsIn('shared'))])
    const refused = [one, two].filter((outcome) => outcome.status === 'rejected')
    assert.ok(refused.length >= 1)
    for (const { reason } of refused) assert.match(String(reason), /another process is at the run/)
  })

  test('goes on with nothing but itself', async () => {
    const found = await completeRun(optionsIn('whole'))
    assert.equal(found.found, true)
    await assert.rejects(
      completeRun(optionsIn('whole', {}, { scoreFromMs: 5 })),
      /holds another run \(scoreFromMs differs\)/,
    )
  })
})

function assertSameOutputs(left: string, right: string): void {
  for (const file of outputs) {
    const same = readFileSync(join(root, left, file)).equals(readFileSync(join(root, right, file)))
    assert.ok(same, `${file} of ${left} and ${right}, seed ${seed}`)
  }
}

/** Batches by Ticks, some of them with likes that came late. */
function plantedStream(): SourceRecord[] {
  const world = new PlantedWorld(seed)
  const stream: SourceRecord['record'][] = []
  for (let index = 1; index <= examplesMade; index++) {
    const example = world.example()
    stream.push(example)
    if (index % 40 === 0) {
      const labels = labelsOf(true)
      labels[3] = 1
      stream.push(correctionOf(example, labels))
    }
    if (index % 37 === 0) stream.push(tick(index * 10))
  }
  return stream.map((record, offset) => ({ offset, record }))
}

function source(): TrainingSource {
  return {
    features: 'frozen',
    recordsExpected: records.length,
    async *batches(skip) {
      for (let at = skip; at < records.length; at += 50) yield records.slice(at, at + 50)
    },
  }
}

function optionsIn(name: string, more: Partial<TrainRunOptions> = {}, settings: Partial<RunSettings> = {}) {
  return {
    name: 'planted',
    folder: join(root, name),
    spec: sampleSpec,
    features: sampleFeatures,
    source: source(),
    nowMs: () => systemRuntime.clock.nowMs(),
    settings: {
      version: '0',
      model: sampleSpec.model,
      specChecksum: '',
      featureSet: sampleFeatures.fingerprint,
      features: 'frozen' as const,
      featureNames: [],
      input: { kind: 'files' as const, files: [], tickMs: 1 },
      seeds: { bootstrap: 1 },
      scoreFromMs: null,
      importanceRows: 200,
      utcOffsetMs: 0,
      ...settings,
    },
    ...more,
  }
}
