// Slots that say who asks, from where and when: one id each per page.
import { rowId } from '../../schemas/ids.ts'
import type { Feature, QueryContext } from './feature.ts'
import { userIds } from './own-ids.ts'

export const user: Feature = {
  name: 'user',
  slots: [{ name: 'user', side: 'query', width: 1 }],
  dense: [],
  readQuery: (context, out) => out.ids('user', userIds(context.user)),
}

export const region = pageSlot('region', (context) => context.region)
export const language = pageSlot('language', (context) => context.language)
export const device = pageSlot('device', (context) => context.device)
export const network = pageSlot('network', (context) => context.network)
export const surface = pageSlot('surface', (context) => context.surface)

const hourMs = 3_600_000

/** Hour of the day, UTC. */
export const hour = pageSlot('hour', (context) => String(Math.floor(context.nowMs / hourMs) % 24))

/** Day of the week, UTC, 0 is Thursday: the epoch's first. */
export const weekday = pageSlot('weekday', (context) => String(Math.floor(context.nowMs / (24 * hourMs)) % 7))

/** A slot of one text per page; an empty text is absent. */
function pageSlot(name: string, text: (context: QueryContext) => string): Feature {
  return {
    name,
    slots: [{ name, side: 'query', width: 1 }],
    dense: [],
    readQuery(context, out) {
      const value = text(context)
      if (value !== '') out.id(name, rowId(name, value))
    },
  }
}
