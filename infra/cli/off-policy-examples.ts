// The engine's own examples as decisions: each entry of a feed was preceded by a coin that said whether to explore, and the log tells
// how it fell. Estimates what another chance of exploring would do to the mean of a label.
import { decode } from '../../schemas/codec.ts'
import type { Example } from '../../schemas/generated.ts'
import { type Head, headIndex } from '../../schemas/labels.ts'
import { decodeFloats } from '../../schemas/layouts/floats.ts'
import { examples } from '../../schemas/topics.ts'
import { type Log, partitionOf } from '../../streams/log/log.ts'
import { FreshetError } from '../../streams/runtime/errors.ts'
import type { LoggedDecisions } from '../../trainers/evaluation/off-policy/logged-decisions.ts'
import { type Position, resolvePosition } from './position.ts'

export interface ExplorationOptions {
  readonly head: Head
  /** Chance of exploring that the entries were served with, and the one asked about; both within 0 and 1, not at either end. */
  readonly epsilon: number
  readonly epsilonTarget: number
  /** So many first examples of each user are left out: a new user is explored more. */
  readonly warmExamples: number
}

/** Newest labels of every example between two positions, all partitions. */
export async function readExamples(log: Log, from: Position, to: Position): Promise<Example[]> {
  const spec = (await log.topics()).find(({ name }) => name === examples)
  if (!spec) throw new FreshetError('topic-unknown', `there is no topic ${examples}: start the engine once`)
  const byId = new Map<string, Example>()
  for (let partition = 0; partition < spec.partitions; partition++) {
    const place = { topic: examples, partition: partitionOf(partition) }
    const end = await resolvePosition(log, place, to)
    const reader = await log.openReader({ ...place, from: await resolvePosition(log, place, from) })
    try {
      while (reader.position < end) {
        for (const { offset, value } of await reader.next({ recordsMax: 1_000, waitMsMax: 1_000 })) {
          const record = value === null || offset >= end ? null : decode(value)
          if (record?.type === 'Example') byId.set(record.exampleId, record)
          else if (record?.type === 'LabelCorrection') {
            const known = byId.get(record.exampleId)
            if (known) byId.set(record.exampleId, { ...known, labels: record.after })
          }
        }
      }
    } finally {
      await reader.close()
    }
  }
  return [...byId.values()]
}

/**
 * The action is the coin, not the video: an entry whose propensity is below 1 was explored, chance epsilon; one with 1 was not. What
 * was not explored is not logged with its own chance, so no policy over videos can be estimated from examples, only this. Entries of
 * one user depend on one another: the user is the cluster.
 *
 * Throws usage where nothing was explored, or only imported examples are there. An epsilon that was not the one served is refused by
 * the estimator: then the weights' mean is not 1.
 */
export function explorationDecisions(all: readonly Example[], options: ExplorationOptions): LoggedDecisions {
  const { head, epsilon, epsilonTarget } = options
  const served = all.filter((example) => !example.imported)
  if (served.length === 0) {
    const why = all.length === 0 ? 'there are no examples there' : `all ${all.length} examples are imported`
    throw new FreshetError('usage', `${why}: nothing was drawn by this engine; give a range of the log that it served`)
  }
  if (!served.some(({ propensity }) => propensity < 1)) {
    const why = `each of the ${served.length} examples has propensity 1: nothing was explored, so nothing else was tried`
    throw new FreshetError('usage', `${why}; serve with exploration.epsilonFloor above 0`)
  }
  const kept = afterWarmUp(served, options.warmExamples)
    .map((example) => ({ example, label: decodeFloats(example.labels)[headIndex[head]]! }))
    .filter(({ label }) => !Number.isNaN(label))
  const numberByUser = new Map<string, number>()
  const rows = kept.map(({ example: { userId, propensity }, label }) => {
    const user = numberByUser.get(userId) ?? numberByUser.size
    numberByUser.set(userId, user)
    const isExplored = propensity < 1
    return {
      label,
      user,
      drawn: isExplored ? epsilon : 1 - epsilon,
      wanted: isExplored ? epsilonTarget : 1 - epsilonTarget,
    }
  })
  return {
    reward: Float64Array.from(rows, ({ label }) => label),
    loggingPropensity: Float64Array.from(rows, ({ drawn }) => drawn),
    targetPropensity: Float64Array.from(rows, ({ wanted }) => wanted),
    cluster: Int32Array.from(rows, ({ user }) => user),
  }
}

function afterWarmUp(served: readonly Example[], warmExamples: number): Example[] {
  const countByUser = new Map<string, number>()
  return [...served]
    .sort((left, right) => left.impressionTimeMs - right.impressionTimeMs || left.position - right.position)
    .filter(({ userId }) => {
      const count = countByUser.get(userId) ?? 0
      countByUser.set(userId, count + 1)
      return count >= warmExamples
    })
}
