// The video's content embedding as dense values, so that a video nobody has seen has a place in the item tower.
import type { Feature } from './feature.ts'

export const contentDimension = 64
const names = Array.from({ length: contentDimension }, (_, index) => `content.${index}`)

/** Dense entry values content.0 to content.63: the projected embedding of unit length; zeros where none is known. */
export const content: Feature = {
  name: 'content',
  slots: [],
  dense: names.map((name) => ({ name, side: 'entry' })),
  readEntry(_context, video, out) {
    if (!video.content) return
    for (let index = 0; index < contentDimension; index++) out.dense(names[index]!, video.content[index]!)
  },
}
