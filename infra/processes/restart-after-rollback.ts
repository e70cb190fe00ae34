// What an owner of parameters does when a rollback of its model is announced: starts its folds anew, from checkpoints that
// hold nothing of what was undone.
import type { ModelRolledBack } from '../../schemas/generated.ts'
import type { ProcessorGroup } from '../../streams/processor/processor-group.ts'

/** `groups`: by model; one that is not there yet makes its first processors with the rollback known. */
export function restartAfterRollback(
  groups: ReadonlyMap<string, Pick<ProcessorGroup, 'restart'>>,
): (record: ModelRolledBack) => void {
  return ({ model }) => {
    // What stops a partition is told by the group's `ended`.
    groups
      .get(model)
      ?.restart()
      .catch(() => {})
  }
}
