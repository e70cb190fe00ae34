// Which models learn beside the one that serves, by the events of `policies`: shadowed until that is ended, or until the model
// is promoted.
import type { PoliciesRecord } from '../../schemas/generated.ts'

/** Each costs as much learning as the model that serves, in the same thread. */
export const shadowsMax = 2

/** Models shadowed after these events, in the order in which they were. */
export function shadowsAfter(events: readonly PoliciesRecord[]): string[] {
  const shadows = new Set<string>()
  for (const event of events) {
    if (event.type === 'ModelShadowed') shadows.add(event.model)
    else if (event.type === 'ShadowEnded' || event.type === 'ModelPromoted') shadows.delete(event.model)
  }
  return [...shadows]
}
