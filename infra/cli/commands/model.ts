// freshet model ACTION: how the parameters stand, the model as it was at an earlier position, another model from the next start
// on, or one that learns beside it. All by events that a restart does not undo.
import { FreshetError } from '../../../streams/runtime/errors.ts'
import type { Options } from './model/on-model-log.ts'
import { promote } from './model/promote.ts'
import { rollback } from './model/rollback.ts'
import { shadow } from './model/shadow.ts'
import { status } from './model/status.ts'

const actions = new Map(Object.entries({ status, rollback, promote, shadow }))

export async function run([action]: string[], options: Options): Promise<void> {
  const act = actions.get(String(action))
  if (act) return act(options)
  const remedy =
    'write model status, model rollback --to POSITION, model shadow --run FOLDER or model promote --run FOLDER'
  throw new FreshetError('usage', `model ${action}: ${remedy}`)
}
