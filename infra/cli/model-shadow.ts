// Shadowing as events: a model begins to learn beside the one that serves, or ends it, in whatever process learns, at once and
// after every restart.
import { basename } from 'node:path'
import { encode } from '../../schemas/codec.ts'
import type { ModelShadowed, ShadowEnded } from '../../schemas/generated.ts'
import { countsModel, policies } from '../../schemas/topics.ts'
import { FreshetError } from '../../streams/runtime/errors.ts'
import { modelLayout } from '../../trainers/model/model-layout.ts'
import type { Config } from '../config/config.ts'
import { engineTopics } from '../processes/engine-topics.ts'
import { keepFeatures, otherFeatures } from '../processes/model-features.ts'
import { modelSetup } from '../processes/model-setup.ts'
import { policiesInLog } from '../processes/policy-feed.ts'
import { specBlob, withModel, withPromotedModel } from '../processes/promoted-model.ts'
import { shadowsAfter, shadowsMax } from '../processes/shadow-models.ts'
import { checkFits } from '../processes/spec-file.ts'
import { checkUnlearned, type InstalledRun, installRun, type ModelSources, modelOfRun } from './installed-run.ts'

export interface Shadowing extends Pick<InstalledRun, 'from'> {
  readonly event: ModelShadowed
}

/** Throws usage where the run's model cannot be shadowed, saying what to change. */
export async function shadowRun(folder: string, config: Config, sources: ModelSources): Promise<Shadowing> {
  await checkRoom(modelOfRun(folder, config), config, sources)
  const { model, run, from } = await installRun(folder, config, sources)
  return { event: await shadowed(model, `freshet model shadow --run ${run}`, sources), from }
}

/** A model that ran or was shadowed before, or that the configuration names. */
export async function shadowKnown(model: string, config: Config, sources: ModelSources): Promise<Shadowing> {
  await checkRoom(model, config, sources)
  const of = await withModel(config, model)
  const different = await otherFeatures(modelSetup(of), sources.blobs)
  if (different !== null) throw new FreshetError('usage', different)
  return shadowOf(of, 'freshet model shadow', sources)
}

/** A model that has learned nothing yet: it folds all that the log holds. */
export async function shadowSpec(path: string, config: Config, sources: ModelSources): Promise<Shadowing> {
  const of: Config = { ...config, model: { ...config.model, spec: path } }
  const setup = modelSetup(of)
  await checkRoom(setup.spec.model, config, sources)
  checkFits(path, setup.spec, setup.features)
  await checkUnlearned(of, setup, sources.blobs)
  return shadowOf(of, `freshet model shadow --spec ${basename(path)}`, sources)
}

async function shadowOf(of: Config, by: string, sources: ModelSources): Promise<Shadowing> {
  const setup = modelSetup(of)
  const { spec, features } = setup
  // Throws where the spec does not fit the features that are frozen with each page.
  modelLayout(spec, features)
  for (const topic of engineTopics(of, spec.model)) await sources.log.ensureTopic(topic)
  // Whoever learns was started with another spec in its configuration.
  await sources.blobs.put(specBlob(spec.model), [new TextEncoder().encode(JSON.stringify(spec))])
  await keepFeatures(setup, sources.blobs)
  return { event: await shadowed(spec.model, by, sources), from: null }
}

export async function endShadow(
  model: string,
  { log, runtime }: Pick<ModelSources, 'log' | 'runtime'>,
): Promise<ShadowEnded> {
  const shadows = shadowsAfter(await policiesInLog(log))
  if (!shadows.includes(model)) throw new FreshetError('usage', `${model} is no shadow; ${namesOf(shadows)}`)
  const by = 'freshet model shadow --end'
  const event: ShadowEnded = { type: 'ShadowEnded', ...stamps(runtime), model, by }
  await append(event, log)
  return event
}

async function checkRoom(model: string, config: Config, { log }: ModelSources): Promise<void> {
  if (config.learning.mode === 'distributed') {
    throw new FreshetError(
      'usage',
      'shadow models learn in lockstep only; here learning.mode is distributed. Compare runs instead: freshet train, freshet compare',
    )
  }
  const live = modelSetup(await withPromotedModel(log, config)).spec.model
  if (model === live) throw new FreshetError('usage', `${model} is the model that serves; give the spec another name`)
  if (model === countsModel) throw new FreshetError('usage', `${model} is no model; give the spec another name`)
  const shadows = shadowsAfter(await policiesInLog(log))
  if (shadows.includes(model)) throw new FreshetError('usage', `${model} is a shadow already; ${namesOf(shadows)}`)
  if (shadows.length >= shadowsMax) {
    const remedy = `end one with freshet model shadow --end NAME; ${namesOf(shadows)}`
    throw new FreshetError('usage', `there are at most ${shadowsMax} shadows: ${remedy}`)
  }
}

async function shadowed(model: string, by: string, { log, runtime }: ModelSources): Promise<ModelShadowed> {
  const event: ModelShadowed = { type: 'ModelShadowed', ...stamps(runtime), model, by }
  await append(event, log)
  return event
}

function stamps({ clock, randomness }: ModelSources['runtime']) {
  const nowMs = clock.nowMs()
  return { eventId: randomness.id(), eventTimeMs: nowMs, receivedTimeMs: nowMs }
}

async function append(event: ModelShadowed | ShadowEnded, log: ModelSources['log']): Promise<void> {
  const { eventId, receivedTimeMs } = event
  const record = { key: `shadow/${event.model}`, value: encode(event), timestampMs: receivedTimeMs, eventId }
  await log.append(policies, [record])
}

function namesOf(shadows: readonly string[]): string {
  return shadows.length === 0 ? 'there are none' : `there are ${shadows.join(', ')}`
}
