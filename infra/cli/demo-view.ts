// The live view of the demo: what goes through the loop now, as lines for a terminal.

export interface Quantiles {
  readonly p50: number
  readonly p99: number
}

export interface DemoStatus {
  readonly phase: string
  readonly seconds: number
  readonly address: string
  readonly eventsAccepted: number
  readonly eventsPerSecond: number
  readonly examplesTrained: number
  readonly examplesPerSecond: number
  readonly pagesServed: number
  /** Progressive AUC by head, over the newest examples; NaN where there are too few of one kind. */
  readonly auc: Readonly<Record<string, number>>
  readonly freshnessMs: Quantiles
  readonly feedLatencyMs: Quantiles
  /** Records still to be processed, by consumer group. */
  readonly lag: Readonly<Record<string, number>>
  readonly deadLetters: number
  /** How far from random (0) to oracle (1) the newest videos are, by the population's true tastes. */
  readonly lift: number | null
  readonly repeats: number
}

const labelWidth = 22
const barWidth = 30

export function demoView(status: DemoStatus): string {
  const lines = [
    `Freshet demo · ${status.phase} · ${status.seconds.toFixed(0)} s`,
    '',
    row('events accepted', `${count(status.eventsAccepted)}   ${rate(status.eventsPerSecond)}`),
    row('examples learned', `${count(status.examplesTrained)}   ${rate(status.examplesPerSecond)}`),
    row('pages served', count(status.pagesServed)),
    row('progressive AUC', aucText(status.auc)),
    row('freshness', `${quantiles(status.freshnessMs)}   event accepted to row servable`),
    row('feed latency', `${quantiles(status.feedLatencyMs)}   as a client sees it`),
    row('consumer lag', lagText(status.lag)),
    row('dead letters', count(status.deadLetters)),
    row('repeated videos', count(status.repeats)),
    row('taste found', status.lift === null ? 'waiting for the first pages' : liftBar(status.lift)),
    '',
    `Watch one user's feed change with each swipe: ${status.address}`,
  ]
  return lines.join('\n')
}

function row(label: string, text: string): string {
  return `  ${label.padEnd(labelWidth)}${text}`
}

function count(value: number): string {
  return value.toLocaleString('en').padStart(9)
}

function rate(perSecond: number): string {
  return `${Math.round(perSecond).toLocaleString('en').padStart(6)}/s`
}

function quantiles({ p50, p99 }: Quantiles): string {
  return `p50 ${milliseconds(p50)}   p99 ${milliseconds(p99)}`
}

function milliseconds(value: number): string {
  return Number.isFinite(value) ? `${value.toFixed(value < 10 ? 1 : 0).padStart(5)} ms` : '    -   '
}

function aucText(auc: Readonly<Record<string, number>>): string {
  const known = Object.entries(auc).filter(([, value]) => Number.isFinite(value))
  return known.length === 0
    ? 'not enough examples yet'
    : known.map(([head, value]) => `${head} ${value.toFixed(3)}`).join('   ')
}

function lagText(lag: Readonly<Record<string, number>>): string {
  const names = Object.keys(lag).sort()
  return names.length === 0 ? '-' : names.map((name) => `${name.split('.')[0]} ${lag[name]}`).join('   ')
}

function liftBar(lift: number): string {
  const filled = Math.round(Math.min(1, Math.max(0, lift)) * barWidth)
  const bar = `${'█'.repeat(filled)}${'░'.repeat(barWidth - filled)}`
  return `random ${bar} oracle   ${(100 * lift).toFixed(0)} %`
}
