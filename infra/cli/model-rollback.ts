// A rollback as an event: which inputs of each bucket will not have counted. Appended only where every owner has somewhere
// to start from, so that nothing stands still because of it.
import { encode } from '../../schemas/codec.ts'
import type { ModelRolledBack } from '../../schemas/generated.ts'
import { policies } from '../../schemas/topics.ts'
import type { Log } from '../../streams/log/log.ts'
import { checkpointHeader, checkpointState, listCheckpoints } from '../../streams/processor/checkpoint.ts'
import { FreshetError } from '../../streams/runtime/errors.ts'
import type { Runtime } from '../../streams/runtime/runtime.ts'
import type { BlobStore } from '../../streams/stores/blob-store.ts'
import type { ParameterFold } from '../processes/parameter-folds.ts'
import { type Position, resolvePosition } from './position.ts'
import { bytesOf } from './snapshot-list.ts'

export interface RollbackSources {
  readonly log: Log
  readonly blobs: BlobStore
  readonly runtime: Runtime
}

/**
 * Undoes what the folds of one model read from `position` on until now; `latest` undoes nothing and lets a held publication
 * go on. Resolves with the event when it is durable. Throws rollback-impossible, usage.
 */
export async function rollBack(
  model: string,
  folds: readonly ParameterFold[],
  position: Position,
  { log, blobs, runtime }: RollbackSources,
): Promise<ModelRolledBack> {
  if (position.kind === 'offset' && folds.length > 1) {
    throw new FreshetError(
      'usage',
      `an offset means something else in each of the ${folds.length} buckets of ${model}; write ts=... or last=...`,
    )
  }
  const offsets: Record<string, number> = {}
  const until: Record<string, number> = {}
  for (const fold of folds) {
    const place = `${fold.input.topic}/${fold.input.partition}`
    const { latest } = await log.bounds(fold.input)
    const from = Math.min(
      latest,
      position.kind === 'latest' ? latest : await resolvePosition(log, fold.input, position),
    )
    if (from < latest) await checkReach(fold, from, log, blobs)
    offsets[place] = from
    until[place] = latest
  }
  const nowMs = runtime.clock.nowMs()
  const record: ModelRolledBack = {
    type: 'ModelRolledBack',
    eventId: runtime.randomness.id(),
    eventTimeMs: nowMs,
    receivedTimeMs: nowMs,
    model,
    offsets,
    until,
    by: 'freshet model rollback',
  }
  await log.append(policies, [
    { key: `rollback/${model}`, value: encode(record), timestampMs: nowMs, eventId: record.eventId },
  ])
  return record
}

/** Throws rollback-impossible where neither a checkpoint nor the log reaches back to before `from`. */
async function checkReach(fold: ParameterFold, from: number, log: Log, blobs: BlobStore): Promise<void> {
  const { earliest } = await log.bounds(fold.input)
  if (earliest === 0) return
  let oldest: number | null = null
  for (const blob of await listCheckpoints(blobs, fold.owner)) {
    const bytes = await bytesOf(blobs, blob)
    const next = bytes && wholeNext(bytes)
    if (next === null) continue
    // A fold resumes where the checkpoint was taken: the log must hold what comes after it.
    if (next >= earliest && next <= from) return
    oldest ??= next
  }
  const { model, bucket, input } = fold
  throw new FreshetError(
    'rollback-impossible',
    `${model}/${bucket}: ${input.topic}/${input.partition} begins at ${earliest} and the oldest snapshot is of ` +
      `${oldest ?? 'no offset'}, past ${from}; roll back to a later position (freshet snapshot list shows how far back it goes)`,
    { details: { model, bucket, from, earliest, oldest } },
  )
}

/** Next input offset of a checkpoint; null of a damaged one. */
function wholeNext(bytes: Uint8Array): number | null {
  try {
    checkpointState(bytes)
    return checkpointHeader(bytes).next
  } catch (error) {
    if (error instanceof RangeError) return null
    throw error
  }
}
