// Learning in lockstep: joiner, counter and trainer of one partition in one thread, and a trainer for each shadow model. Counter
// and trainers own the parameters they learn; their checkpoints are the snapshots of them.
import { countsModel, examples } from '../../../schemas/topics.ts'
import { type ProcessorGroup, processorGroup } from '../../../streams/processor/processor-group.ts'
import { denseCompute } from '../../../trainers/model/compute.ts'
import type { OnlineTrainer } from '../../../trainers/online-trainer.ts'
import { rollbacksOf } from '../../../trainers/parameter-server/rollbacks.ts'
import { learningQuality } from '../learning-quality.ts'
import { modelRollbacks } from '../model-rollbacks.ts'
import type { ModelSetup } from '../model-setup.ts'
import { type OwnedFold, ownerMetrics } from '../owner-metrics.ts'
import { checkpointsKept, lockstepCounter, lockstepTrainer, ownerGroup } from '../parameter-folds.ts'
import { restartAfterRollback } from '../restart-after-rollback.ts'
import { groupSettings, type RolePlace, type RunningRole } from '../running-role.ts'
import { type LearnedBatch, type StartedTrainer, shadowLearning } from '../shadow-learning.ts'
import { announceFor } from '../snapshot-announcements.ts'
import { joinerRole } from './joiner-role.ts'

/** Whoever learns in lockstep owns the parameters for good: there is no owner before it. */
const epoch = 0

export async function learningRole(place: RolePlace): Promise<RunningRole> {
  await denseCompute()
  const { config, setup, log, runtime, registry } = place
  let examplesTrained = 0
  const groups = new Map<string, ProcessorGroup>()
  const rollbacks = await modelRollbacks({ log, runtime, onRollback: restartAfterRollback(groups) })
  const ofPartition = (name: string, partition: number) => rollbacksOf(rollbacks.records, name, examples, partition)
  const ownerOf = async (name: string, make: (partition: number) => OwnedFold): Promise<ProcessorGroup> => {
    const announce = announceFor(place, name, examples)
    const group = await processorGroup({
      ...groupSettings(place),
      checkpointsKept,
      group: ownerGroup(config, name),
      topic: examples,
      makeProcessor: (partition) => announce.owned(partition, epoch, make(partition)),
      onCheckpoint: (partition, taken) => announce.taken(partition, taken),
    })
    groups.set(name, group)
    ownerMetrics(registry, name, group)
    return group
  }
  const trainerOf = async (of: ModelSetup, onLearned: LearnedBatch): Promise<StartedTrainer> => {
    const { model } = of.spec
    let newest: OnlineTrainer | null = null
    const group = await ownerOf(model, (partition) => {
      newest = lockstepTrainer(config, of, { epoch, rollbacks: ofPartition(model, partition), onLearned })
      return newest
    })
    return { group, trainer: () => newest }
  }
  const joining = await joinerRole(place)
  const shadows = await shadowLearning({ place, start: trainerOf })
  const [counter, live] = await Promise.all([
    ownerOf(countsModel, (partition) =>
      lockstepCounter(config, setup, { epoch, rollbacks: ofPartition(countsModel, partition) }),
    ),
    trainerOf(setup, (records, predictions) => {
      examplesTrained += records.length
      shadows.onLiveLearned(records, predictions)
    }),
  ])
  const needed = [joining, counter, live.group]
  return {
    progress: () => [...needed, ...shadows.groups()].flatMap((part) => part.progress()),
    quality: learningQuality(runtime.clock, {
      model: setup.spec.model,
      metrics: () => live.trainer()?.metrics ?? null,
      examplesTrained: () => examplesTrained,
    }),
    shadows: () => shadows.quality(),
    ended: Promise.race(needed.map((part) => part.ended)),
    async stop() {
      await Promise.all([rollbacks.close(), shadows.stop()])
      await Promise.all(needed.map((part) => part.stop()))
    },
  }
}
