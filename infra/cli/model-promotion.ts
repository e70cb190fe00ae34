// A promotion as an event: from their next start on all processes run this model. One that was trained by a run begins with
// the run's weights; one that ran before, or learns as a shadow, goes on from its newest checkpoint.
import { encode } from '../../schemas/codec.ts'
import type { ModelPromoted } from '../../schemas/generated.ts'
import { policies } from '../../schemas/topics.ts'
import { FreshetError } from '../../streams/runtime/errors.ts'
import type { Config } from '../config/config.ts'
import { modelSetup } from '../processes/model-setup.ts'
import { type InstalledRun, installRun, type ModelSources } from './installed-run.ts'

export interface Promotion extends Pick<InstalledRun, 'from'> {
  readonly event: ModelPromoted
}

/** Throws usage where the run cannot become the model of this deployment, saying what to change. */
export async function promoteRun(folder: string, config: Config, sources: ModelSources): Promise<Promotion> {
  const { model, run, from } = await installRun(folder, config, sources)
  return { event: await promoted(model, `freshet model promote --run ${run}`, sources), from }
}

/** A model that was promoted or shadowed before, or that the configuration names. */
export async function promoteKnown(model: string, config: Config, sources: ModelSources): Promise<Promotion> {
  if (modelSetup(config).spec.model !== model) await checkKnown(model, config, sources.blobs)
  return { event: await promoted(model, 'freshet model promote', sources), from: null }
}

async function checkKnown(model: string, config: Config, blobs: ModelSources['blobs']): Promise<void> {
  const stored = (await blobs.list('models/')).map((name) => name.slice('models/'.length))
  const named = stored.filter((name) => /^[^.]+\.json$/.test(name)).map((name) => name.slice(0, -'.json'.length))
  if (named.includes(model)) return
  const known = [...new Set([modelSetup(config).spec.model, ...named])].sort()
  throw new FreshetError('usage', `no model of the name ${model} ran here; known: ${known.join(', ')}`)
}

async function promoted(model: string, by: string, { log, runtime }: ModelSources): Promise<ModelPromoted> {
  const nowMs = runtime.clock.nowMs()
  const event: ModelPromoted = {
    type: 'ModelPromoted',
    eventId: runtime.randomness.id(),
    eventTimeMs: nowMs,
    receivedTimeMs: nowMs,
    model,
    by,
  }
  const record = { key: `promotion/${model}`, value: encode(event), timestampMs: nowMs, eventId: event.eventId }
  await log.append(policies, [record])
  return event
}
