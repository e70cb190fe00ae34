// Metrics of several threads and processes as one text in Prometheus' format: each family once, whoever tells of it.

/** A sample line without its value ends here. */
const sample = /^([a-zA-Z_:][a-zA-Z0-9_:]*)(\{.*\})? (\S+)$/

/** Families keep the order in which they are first met; HELP and TYPE are those told first. */
export function joinMetrics(texts: readonly string[]): string {
  const linesByFamily = new Map<string, { readonly about: string[]; readonly samples: string[] }>()
  for (const text of texts) {
    let family = ''
    const isFirst = new Set<string>()
    for (const line of text.split('\n')) {
      const told = /^# (?:HELP|TYPE) (\S+)/.exec(line)
      if (told) family = told[1]!
      else if (line === '' || line.startsWith('#')) continue
      // A histogram's samples go by longer names than its family.
      else if (!sample.exec(line)?.[1]?.startsWith(family) || family === '') family = sample.exec(line)?.[1] ?? family
      const known = linesByFamily.get(family)
      if (!known) isFirst.add(family)
      const lines = known ?? { about: [], samples: [] }
      linesByFamily.set(family, lines)
      if (!told) lines.samples.push(line)
      else if (isFirst.has(family)) lines.about.push(line)
    }
  }
  return [...linesByFamily.values()].flatMap(({ about, samples }) => [...about, ...samples, '']).join('\n')
}

/** The same samples with one more label. */
export function withLabel(text: string, name: string, value: string): string {
  const label = `${name}="${value.replace(/[\\"\n]/g, '_')}"`
  return text
    .split('\n')
    .map((line) => {
      const [, metric, labels, number] = sample.exec(line) ?? []
      if (metric === undefined) return line
      return `${metric}{${labels ? `${labels.slice(1, -1)},` : ''}${label}} ${number}`
    })
    .join('\n')
}

/** Upper edges in the metric's unit with how much lies in each bin alone; edges ascend. */
export interface HistogramBin {
  readonly upTo: number
  readonly count: number
}

/** A histogram as text; the bins become cumulative, `sum` is taken at their upper edges. */
export function histogramText(
  name: string,
  help: string,
  labels: Readonly<Record<string, string>>,
  bins: readonly HistogramBin[],
): string {
  const own = Object.entries(labels).map(([label, value]) => `${label}="${value}"`)
  const line = (suffix: string, value: number, more: readonly string[] = []) =>
    `${name}${suffix}{${[...own, ...more].join(',')}} ${value}`
  let below = 0
  let sum = 0
  const buckets = bins.map(({ upTo, count }) => {
    below += count
    sum += count * upTo
    return line('_bucket', below, [`le="${upTo}"`])
  })
  return [
    `# HELP ${name} ${help}`,
    `# TYPE ${name} histogram`,
    ...buckets,
    line('_bucket', below, ['le="+Inf"']),
    line('_sum', sum),
    line('_count', below),
    '',
  ].join('\n')
}

/** Values of a metric in a text, by their labels as written. */
export function samplesOf(
  text: string,
  name: string,
): { readonly labels: ReadonlyMap<string, string>; readonly value: number }[] {
  return text.split('\n').flatMap((line) => {
    const [, metric, labels = '', value] = sample.exec(line) ?? []
    if (metric !== name) return []
    const pairs = [...labels.matchAll(/([a-zA-Z_][a-zA-Z0-9_]*)="([^"]*)"/g)]
    return [{ labels: new Map(pairs.map(([, label, written]) => [label!, written!])), value: Number(value) }]
  })
}

/** The bins of a histogram, summed over everyone who tells of it. */
export function histogramOf(text: string, name: string): HistogramBin[] {
  const belowByEdge = new Map<number, number>()
  const byTeller = new Map<string, { readonly upTo: number; readonly below: number }[]>()
  for (const { labels, value } of samplesOf(text, `${name}_bucket`)) {
    const edge = labels.get('le') ?? '+Inf'
    const teller = [...labels].filter(([label]) => label !== 'le').join()
    const upTo = edge === '+Inf' ? Number.POSITIVE_INFINITY : Number(edge)
    byTeller.set(teller, [...(byTeller.get(teller) ?? []), { upTo, below: value }])
  }
  for (const edges of byTeller.values()) {
    let before = 0
    for (const { upTo, below } of edges.sort((left, right) => left.upTo - right.upTo)) {
      belowByEdge.set(upTo, (belowByEdge.get(upTo) ?? 0) + below - before)
      before = below
    }
  }
  return [...belowByEdge].sort(([left], [right]) => left - right).map(([upTo, count]) => ({ upTo, count }))
}

/** What came to a histogram between two readings; bins that were empty before may be missing there. */
export function histogramSince(bins: readonly HistogramBin[], before: readonly HistogramBin[]): HistogramBin[] {
  const countByEdge = new Map(before.map(({ upTo, count }) => [upTo, count]))
  return bins.map(({ upTo, count }) => ({ upTo, count: count - (countByEdge.get(upTo) ?? 0) }))
}

/** The edge under which this share lies; null of nothing. */
export function quantileOf(bins: readonly HistogramBin[], share: number): number | null {
  const total = bins.reduce((sum, { count }) => sum + count, 0)
  if (total === 0) return null
  let below = 0
  for (const { upTo, count } of bins) {
    below += count
    if (below >= share * total) return upTo
  }
  return bins.at(-1)!.upTo
}
