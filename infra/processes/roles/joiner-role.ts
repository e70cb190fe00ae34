// The joiner of the partitions that this process is given, and the Ticks of each: whoever owns a partition lets time pass in it.
import { interactions } from '../../../schemas/topics.ts'
import { joiner } from '../../../streams/joiner/joiner.ts'
import { processorGroup } from '../../../streams/processor/processor-group.ts'
import { runTicker } from '../../../streams/processor/ticker.ts'
import { groupSettings, type RolePlace, type RunningRole, roleOf } from '../running-role.ts'

export async function joinerRole(place: RolePlace): Promise<RunningRole> {
  const { log, runtime, config } = place
  const group = await processorGroup({
    ...groupSettings(place),
    group: 'joiner',
    topic: interactions,
    makeProcessor: () => joiner({ negativeShare: config.joiner.negativeShare }),
    beside: (partition, signal) =>
      runTicker(
        {
          log,
          runtime,
          position: { topic: interactions, partition },
          activeEveryMs: config.ticks.activeMs,
          idleEveryMs: config.ticks.idleMs,
        },
        signal,
      ),
  })
  return roleOf(group)
}
