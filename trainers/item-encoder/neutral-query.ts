// A page that nobody asked for: what entry features are read under when a video is encoded for everyone.
import type { QueryContext } from '../../streams/features/feature.ts'

/** Slots that cross the user or the surface get ids here too: the item tower must not take them. */
export const neutralQuery: QueryContext = {
  user: {
    userId: '',
    region: null,
    language: null,
    birthYear: null,
    interests: [],
    attributes: {},
    rowIdsBySlot: new Map(),
  },
  surface: '',
  device: '',
  network: '',
  language: '',
  region: '',
  nowMs: 0,
  history: { recent: [] },
  counts: {
    read(_table, _id, out) {
      out.fill(0)
      return 0
    },
  },
}
