// Models that learn beside the one that serves, from the same examples, started and ended by events while it runs. Whatever
// goes wrong with one of them is counted and told, and stops nobody else.
import process from 'node:process'
import type { PoliciesRecord } from '../../schemas/generated.ts'
import type { ProcessorGroup } from '../../streams/processor/processor-group.ts'
import type { OnlineTrainer } from '../../trainers/online-trainer.ts'
import type { TrainingRecord } from '../../trainers/open-batch.ts'
import { readBlobs } from './blob-folder.ts'
import { learningQuality, seldom } from './learning-quality.ts'
import { otherFeatures } from './model-features.ts'
import { type ModelSetup, modelSetup } from './model-setup.ts'
import { chanceHeads, PairedOutcomes } from './paired-outcomes.ts'
import { policyFeed } from './policy-feed.ts'
import { withModel } from './promoted-model.ts'
import type { RolePlace, ShadowQuality } from './running-role.ts'
import { shadowsAfter, shadowsMax } from './shadow-models.ts'

export type LearnedBatch = (records: readonly TrainingRecord[], predictions: Float32Array) => void

export interface ShadowLearning {
  /** What the model that serves predicted of a batch before it learned it. */
  readonly onLiveLearned: LearnedBatch
  groups(): readonly ProcessorGroup[]
  quality(): readonly ShadowQuality[]
  stop(): Promise<void>
}

export interface ShadowLearningOptions {
  readonly place: RolePlace
  /** Starts a trainer of this model on the partitions that it is given; `trainer` of the newest. */
  start(setup: ModelSetup, onLearned: LearnedBatch): Promise<StartedTrainer>
}

export interface StartedTrainer {
  readonly group: ProcessorGroup
  trainer(): OnlineTrainer | null
}

interface Shadow {
  readonly model: string
  readonly outcomes: PairedOutcomes
  started: StartedTrainer | null
  examplesTrained: number
  failures: number
  quality(): ShadowQuality
}

export async function shadowLearning({ place, start }: ShadowLearningOptions): Promise<ShadowLearning> {
  const { log, runtime, config, setup } = place
  const live = setup.spec.model
  /** Those that failed stay, to be told of, until they are ended. */
  const shadows = new Map<string, Shadow>()
  const feed = await policyFeed({ log, runtime })

  function fail(shadow: Shadow, error: unknown): void {
    shadow.failures++
    process.stderr.write(
      `freshet: shadow model ${shadow.model} does not learn any more: ${error instanceof Error ? error.message : error}\n`,
    )
    after(() => halt(shadow))
  }

  async function halt(shadow: Shadow): Promise<void> {
    const { started } = shadow
    shadow.started = null
    await started?.group.stop().catch((error) => fail(shadow, error))
  }

  async function begin(model: string): Promise<void> {
    const shadow = shadows.get(model) ?? newShadow(model, place)
    if (model === live || shadow.started !== null) return
    shadows.set(model, shadow)
    try {
      const others = [...shadows.values()].filter(({ started }) => started !== null).length
      if (others >= shadowsMax) throw new Error(`there are ${others} already; end one, then start this one again`)
      const setup = modelSetup(await withModel(config, model))
      const different = await otherFeatures(setup, readBlobs(config))
      if (different !== null) throw new Error(different)
      const started = await start(setup, (records, predictions) => {
        shadow.examplesTrained += records.length
        shadow.outcomes.note('shadow', records, predictions)
      })
      shadow.started = started
      started.group.ended.catch((error: unknown) => {
        if (shadow.started === started) fail(shadow, error)
      })
    } catch (error) {
      fail(shadow, error)
    }
  }

  async function end(model: string): Promise<void> {
    const shadow = shadows.get(model)
    if (shadow) await halt(shadow)
    shadows.delete(model)
  }

  let changing = Promise.resolve()
  const after = (change: () => Promise<void>): void => {
    changing = changing.then(change)
  }
  const onNews = (record: PoliciesRecord): void => {
    // A promoted model goes on here until the next start, so that it loses nothing in between.
    if (record.type === 'ModelShadowed') after(() => begin(record.model))
    else if (record.type === 'ShadowEnded') after(() => end(record.model))
  }
  // The model that serves does not wait for them.
  for (const model of shadowsAfter(feed.past)) after(() => begin(model))
  feed.follow(onNews)

  return {
    onLiveLearned(records, predictions) {
      for (const { started, outcomes } of shadows.values()) if (started) outcomes.note('live', records, predictions)
    },
    groups: () => [...shadows.values()].flatMap(({ started }) => started?.group ?? []),
    quality: () => [...shadows.values()].map((shadow) => shadow.quality()),
    async stop() {
      await feed.close()
      await changing
      await Promise.all([...shadows.values()].map(halt))
      await changing
    },
  }
}

function newShadow(model: string, { runtime: { clock } }: RolePlace): Shadow {
  const outcomes = new PairedOutcomes()
  const learned = learningQuality(clock, {
    model,
    metrics: () => shadow.started?.trainer()?.metrics ?? null,
    examplesTrained: () => shadow.examplesTrained,
  })
  const leads = seldom(clock, {}, () =>
    outcomes.pairs === 0 ? null : Object.fromEntries(chanceHeads.map((head) => [head, outcomes.lead(head)])),
  )
  const shadow: Shadow = {
    model,
    outcomes,
    started: null,
    examplesTrained: 0,
    failures: 0,
    quality: () => ({
      ...learned(),
      running: shadow.started !== null,
      failures: shadow.failures,
      pairs: outcomes.pairs,
      lead: leads(),
    }),
  }
  return shadow
}
