// The video's content embedding as dense values, so that a video nobody has seen has a place in the item tower.
import { contentDimension } from './content-projection.ts'
import type { Feature } from './feature.ts'

const names = Array.from({ length: contentDimension }, (_, index) => `content.${index}`)

/** Dense entry values content.0 to content.63: the projected embedding of unit length; zeros where none is known. */
export const content: Feature = {
  name: 'content',
  slots: [],
  dense: names.map((name) => ({ name, side: 'entry' })),
  ofVideoAlone: true,
  readEntry(_context, video, out) {
    if (video.content) out.denseFrom(names[0]!, video.content)
  },
}
