// Projections: what others read is derived here, apart from learning and serving.
import { interactions } from '../../../schemas/topics.ts'
import { processorGroup } from '../../../streams/processor/processor-group.ts'
import { engagementsProjection } from '../../../streams/projections/engagements.ts'
import { groupSettings, type RolePlace, type RunningRole, roleOf } from '../running-role.ts'

export async function projectionsRole(place: RolePlace): Promise<RunningRole> {
  const group = await processorGroup({
    ...groupSettings(place),
    group: 'engagements',
    topic: interactions,
    makeProcessor: () => engagementsProjection(),
  })
  return roleOf(group)
}
