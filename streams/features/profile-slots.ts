// Slots of what users and videos bring with them: open attributes and chosen interests.
import type { Feature } from './feature.ts'
import { ownIds } from './own-ids.ts'

export const userAttributesMax = 24
export const videoAttributesMax = 8
export const interestsMax = 8

export const userAttributes: Feature = {
  name: 'userAttributes',
  slots: [{ name: 'userAttributes', side: 'query', width: userAttributesMax }],
  dense: [],
  readQuery: (context, out) => out.ids('userAttributes', ownIds(context.user, 'userAttributes', attributeTextsOf)),
}

export const videoAttributes: Feature = {
  name: 'videoAttributes',
  slots: [{ name: 'videoAttributes', side: 'entry', width: videoAttributesMax }],
  dense: [],
  ofVideoAlone: true,
  readEntry: (_, video, out) => out.ids('videoAttributes', ownIds(video, 'videoAttributes', attributeTextsOf)),
}

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

function attributeTextsOf(facts: { readonly attributes: Readonly<Record<string, number | string>> }): string[] {
  return attributeTexts(facts.attributes)
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
