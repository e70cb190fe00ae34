// The counter of the example partitions that this process is given: sends what it counted to the owners of the counts.
import { countsModel, examples, gradientsOf } from '../../../schemas/topics.ts'
import { processorGroup } from '../../../streams/processor/processor-group.ts'
import { gradientCounter } from '../../../trainers/gradient-counter.ts'
import { countsSpec } from '../../../trainers/model/shipped-specs.ts'
import { bucketsOf } from '../engine-topics.ts'
import { groupSettings, type RolePlace, type RunningRole, roleOf } from '../running-role.ts'

export async function counterRole(place: RolePlace): Promise<RunningRole> {
  const { config, setup } = place
  const group = await processorGroup({
    ...groupSettings(place),
    group: 'counter',
    topic: examples,
    sharedOutputs: [gradientsOf(countsModel)],
    makeProcessor: (examplePartition) =>
      gradientCounter({
        spec: countsSpec,
        featureSet: setup.features,
        examplePartition,
        buckets: bucketsOf(config).counts,
      }),
  })
  return roleOf(group)
}
