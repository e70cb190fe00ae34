// Slots of what users and videos bring with them: open attributes and chosen interests.
import { rowId } from '../../schemas/ids.ts'
import type { Feature } from './feature.ts'
import { ownIds } from './own-ids.ts'

/** Attributes are shared out to slots by their names, so that few are pooled together. */
const userAttributeSlots = 8
const videoAttributeSlots = 4
/** Of one slot; an attribute beyond it is no feature. */
const attributesPerSlotMax = 12
export const interestsMax = 8

export const userAttributes: readonly Feature[] = numbers(userAttributeSlots).map((group): Feature => {
  const slot = `userAttributes.${group}`
  const textsOf = attributesOf(group, userAttributeSlots)
  return {
    name: slot,
    slots: [{ name: slot, side: 'query', width: attributesPerSlotMax }],
    dense: [],
    readQuery: (context, out) => out.ids(slot, ownIds(context.user, slot, textsOf)),
  }
})

export const videoAttributes: readonly Feature[] = numbers(videoAttributeSlots).map((group): Feature => {
  const slot = `videoAttributes.${group}`
  const textsOf = attributesOf(group, videoAttributeSlots)
  return {
    name: slot,
    slots: [{ name: slot, side: 'entry', width: attributesPerSlotMax }],
    dense: [],
    ofVideoAlone: true,
    readEntry: (_, video, out) => out.ids(slot, ownIds(video, slot, textsOf)),
  }
})

export const interests: Feature = {
  name: 'interests',
  slots: [{ name: 'interests', side: 'query', width: interestsMax }],
  dense: [],
  readQuery: (context, out) =>
    out.ids(
      'interests',
      ownIds(context.user, 'interests', (facts) => facts.interests),
    ),
}

interface Attributed {
  readonly attributes: Readonly<Record<string, number | string>>
}

/** `name=value` of the attributes whose names fall to a slot. */
function attributesOf(group: number, slots: number): (facts: Attributed) => string[] {
  return ({ attributes }) => {
    const own = Object.entries(attributes).filter(([name]) => slotOf(name, slots) === group)
    return attributeTexts(Object.fromEntries(own))
  }
}

function slotOf(name: string, slots: number): number {
  return Number(rowId('attribute', name) % BigInt(slots))
}

function numbers(count: number): number[] {
  return Array.from({ length: count }, (_, number) => number)
}

/** `name=value` by name; numbers in buckets, empty texts and what is no number left out. */
export function attributeTexts(attributes: Readonly<Record<string, number | string>>): string[] {
  const texts: string[] = []
  for (const name of Object.keys(attributes).sort()) {
    const value = attributes[name]!
    if (typeof value === 'string') {
      if (value !== '') texts.push(`${name}=${value}`)
    } else if (Number.isFinite(value)) texts.push(`${name}=${numberBucket(value)}`)
  }
  return texts
}

/** Whole numbers up to 16 stay themselves; others share a bucket per quarter octave of 1 + |value|. */
export function numberBucket(value: number): string {
  if (Number.isInteger(value) && Math.abs(value) <= 16) return String(value)
  const bucket = Math.round(4 * Math.log2(1 + Math.abs(value)))
  return `${value < 0 ? '-' : ''}2^${bucket / 4}`
}
