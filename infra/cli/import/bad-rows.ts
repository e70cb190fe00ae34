// Rows that cannot be read, by kind: each kind is told once, with how many there were and the first of them.

export interface BadRowKind {
  readonly count: number
  /** File, line and text of the first one. */
  readonly example: string
}

/** Bad rows by kind, filled while reading. */
export type BadRows = Map<string, BadRowKind>

/** Why a row cannot be read: the message is the kind it is counted under, so it never holds what one row says. */
export class BadValue extends Error {}

const exampleLengthMax = 160

export function countBadRow(bad: BadRows, kind: string, place: string, values: readonly string[]): void {
  const known = bad.get(kind)
  const example = known?.example ?? `${place}: ${shortened(values.join(','))}`
  bad.set(kind, { count: (known?.count ?? 0) + 1, example })
}

/** One line per kind, for people. */
export function describeBadRows(bad: BadRows): string[] {
  return [...bad].map(([kind, { count, example }]) => {
    const rows = count === 1 ? '1 row' : `${count.toLocaleString('en')} rows`
    return `${rows} not read, ${kind}: first ${example}`
  })
}

export function badRowCount(bad: BadRows): number {
  return [...bad.values()].reduce((sum, { count }) => sum + count, 0)
}

function shortened(text: string): string {
  const line = text.replaceAll(/\r?\n/g, '\\n')
  return line.length <= exampleLengthMax ? line : `${line.slice(0, exampleLengthMax)}...`
}
