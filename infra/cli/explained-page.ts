// The frozen features of a page in words: what was predicted of each entry and from which values, so that a person can read it.
import type { ExplainedRequest } from '../../serving/shard.ts'

type Values = Readonly<Record<string, number | readonly string[]>>

const lineLengthMax = 140
const indent = 14

export function explainedText({ features, entries }: ExplainedRequest): string {
  const parts = [['page', ...featureLines(features)].join('\n')]
  for (const { position, videoId, predictions, features: own, propensity } of entries) {
    const drawn = propensity < 1 ? `, put there by chance: probability ${shown(propensity)}` : ''
    const predicted = Object.entries(predictions).map(([head, value]) => `${head} ${shown(value)}`)
    parts.push([`${position}: video ${videoId}${drawn}`, line('predicted', predicted), ...featureLines(own)].join('\n'))
  }
  if (entries.some(({ reasons }) => reasons.some((reason) => reason.startsWith('explored')))) {
    parts.push(
      'explored: a topic was drawn to learn more of it, and this was its best video; the scores alone would not show it here',
    )
  }
  return parts.join('\n\n')
}

/** Values go by what stands before their last dot: what is 0 among others is left out, what is 0 altogether is told by name.
 *  Numbered values are told by how many there are, ids, which are hashes, by their slots. */
function featureLines(features: Values): string[] {
  const values: string[] = []
  const zero: string[] = []
  const slots = new Set<string>()
  const membersByFamily = new Map<string, [member: string, value: number][]>()
  for (const [name, value] of Object.entries(features)) {
    const dot = name.lastIndexOf('.')
    const family = dot < 0 ? name : name.slice(0, dot)
    if (typeof value !== 'number') slots.add(/\.\d+$/.test(name) ? family : name)
    else membersByFamily.set(family, [...(membersByFamily.get(family) ?? []), [name.slice(dot + 1), value]])
  }
  for (const [family, members] of membersByFamily) {
    const told = members.filter(([, value]) => value !== 0)
    if (told.length === 0) zero.push(family)
    else if (/^\d+$/.test(told[0]![0])) values.push(`${family} (${members.length} values)`)
    else if (told[0]![0] === family) values.push(`${family} ${shown(told[0]![1])}`)
    else values.push(`${family} (${told.map(([member, value]) => `${member} ${shown(value)}`).join(', ')})`)
  }
  return [line('values', values), line('at 0', zero), line('ids of', [...slots])].filter(Boolean)
}

/** Broken between entries; empty where there are none. */
function line(name: string, entries: readonly string[]): string {
  if (entries.length === 0) return ''
  const lines: string[] = []
  let current = `  ${name}`.padEnd(indent)
  for (const [index, entry] of entries.entries()) {
    const text = index < entries.length - 1 ? `${entry}, ` : entry
    if (current.length + text.length > lineLengthMax && current.trim() !== '') {
      lines.push(current.trimEnd())
      current = ' '.repeat(indent)
    }
    current += text
  }
  return [...lines, current.trimEnd()].join('\n')
}

function shown(value: number): string {
  return Number(value.toPrecision(3)).toString()
}
