// Learning in lockstep: joiner, counter and trainer of one partition in one thread. Counter and trainer own the parameters
// they learn; their checkpoints are the snapshots of them.
import { countsModel, examples } from '../../../schemas/topics.ts'
import { type ProcessorGroup, processorGroup } from '../../../streams/processor/processor-group.ts'
import { denseCompute } from '../../../trainers/model/compute.ts'
import { rollbacksOf } from '../../../trainers/parameter-server/rollbacks.ts'
import { learningQuality } from '../learning-quality.ts'
import { modelRollbacks } from '../model-rollbacks.ts'
import { type OwnedFold, ownerMetrics } from '../owner-metrics.ts'
import { checkpointsKept, lockstepCounter, lockstepTrainer, ownerGroup } from '../parameter-folds.ts'
import { restartAfterRollback } from '../restart-after-rollback.ts'
import { groupSettings, type RolePlace, type RunningRole } from '../running-role.ts'
import { announceFor } from '../snapshot-announcements.ts'
import { joinerRole } from './joiner-role.ts'

/** Whoever learns in lockstep owns the parameters for good: there is no owner before it. */
const epoch = 0

export async function learningRole(place: RolePlace): Promise<RunningRole> {
  await denseCompute()
  const { config, setup, log, runtime, registry } = place
  const { model } = setup.spec
  let examplesTrained = 0
  let trainer: ReturnType<typeof lockstepTrainer> | null = null
  const groups = new Map<string, ProcessorGroup>()
  const rollbacks = await modelRollbacks({ log, runtime, onRollback: restartAfterRollback(groups) })
  const ofPartition = (name: string, partition: number) => rollbacksOf(rollbacks.records, name, examples, partition)
  const ownerOf = async (name: string, make: (partition: number) => OwnedFold): Promise<void> => {
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
  }
  const joining = await joinerRole(place)
  await Promise.all([
    ownerOf(countsModel, (partition) =>
      lockstepCounter(config, setup, { epoch, rollbacks: ofPartition(countsModel, partition) }),
    ),
    ownerOf(model, (partition) => {
      trainer = lockstepTrainer(config, setup, {
        epoch,
        rollbacks: ofPartition(model, partition),
        onLearned: (records) => {
          examplesTrained += records.length
        },
      })
      return trainer
    }),
  ])
  const owners = [...groups.values()]
  return {
    progress: () => [joining, ...owners].flatMap((part) => part.progress()),
    quality: learningQuality(
      runtime.clock,
      () => trainer?.metrics ?? null,
      () => examplesTrained,
    ),
    ended: Promise.race([joining, ...owners].map((part) => part.ended)),
    async stop() {
      await rollbacks.close()
      await Promise.all([joining, ...owners].map((part) => part.stop()))
    },
  }
}
