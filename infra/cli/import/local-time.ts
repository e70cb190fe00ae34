// Times as text: ISO 8601 in its common spellings, in a zone where the text names none.

const pattern =
  /^(\d{4})-?(\d{2})-?(\d{2})(?:[T ](\d{2}):?(\d{2})(?::?(\d{2})(?:[.,](\d{1,9}))?)?)?\s*(Z|UTC|[+-]\d{2}(?::?\d{2})?)?$/i

/** Milliseconds UTC; null where the text is no time. A time that a zone skips or repeats is taken with the earlier offset. */
export function parseTime(text: string, zone: string): number | null {
  const parts = pattern.exec(text)
  if (!parts) return null
  const [, year, month, day, hour = '0', minute = '0', second = '0', fraction = '', offset] = parts
  const localMs = Date.UTC(Number(year), Number(month) - 1, Number(day), Number(hour), Number(minute), Number(second))
  const date = new Date(localMs)
  // Date.UTC carries over: the 31st of April would be the 1st of May.
  if (date.getUTCMonth() !== Number(month) - 1 || date.getUTCDate() !== Number(day)) return null
  if (Number(hour) > 23 || Number(minute) > 59 || Number(second) > 60) return null
  const milliseconds = Math.floor(Number(`0.${fraction || '0'}`) * 1_000)
  return localMs + milliseconds - zoneOffsetMs(offset ?? zone, localMs)
}

export function isZone(zone: string): boolean {
  if (fixedOffsetMs(zone) !== null) return true
  try {
    formatterOf(zone)
    return true
  } catch {
    return false
  }
}

const hourMs = 3_600_000
const quarterMs = hourMs / 4

function fixedOffsetMs(zone: string): number | null {
  if (/^(Z|UTC)$/i.test(zone)) return 0
  const parts = /^([+-])(\d{2}):?(\d{2})?$/.exec(zone)
  if (!parts) return null
  return (parts[1] === '-' ? -1 : 1) * (Number(parts[2]) * hourMs + Number(parts[3] ?? 0) * 60_000)
}

/** Offset of the zone at a local time. */
function zoneOffsetMs(zone: string, localMs: number): number {
  const fixed = fixedOffsetMs(zone)
  if (fixed !== null) return fixed
  const before = namedOffsetMs(zone, localMs - 24 * hourMs)
  const after = namedOffsetMs(zone, localMs + 24 * hourMs)
  if (before === after) return before
  // A change is near: the offset from before it holds while it gives a time at which it still holds.
  return namedOffsetMs(zone, localMs - before) === before ? before : after
}

const formatterByZone = new Map<string, Intl.DateTimeFormat>()
/** Offsets change at a quarter of an hour of UTC at the finest, so one answer serves a quarter. */
const offsetByZoneQuarter = new Map<string, number>()
const offsetsMax = 200_000

function formatterOf(zone: string): Intl.DateTimeFormat {
  let formatter = formatterByZone.get(zone)
  if (!formatter) {
    formatter = new Intl.DateTimeFormat('en-US', { timeZone: zone, timeZoneName: 'longOffset' })
    formatterByZone.set(zone, formatter)
  }
  return formatter
}

function namedOffsetMs(zone: string, utcMs: number): number {
  const quarter = Math.floor(utcMs / quarterMs)
  const key = `${zone} ${quarter}`
  let offset = offsetByZoneQuarter.get(key)
  if (offset === undefined) {
    const parts = formatterOf(zone).formatToParts(quarter * quarterMs)
    const name = parts.find(({ type }) => type === 'timeZoneName')!.value
    offset = fixedOffsetMs(name.slice('GMT'.length) || 'UTC') ?? 0
    if (offsetByZoneQuarter.size >= offsetsMax) offsetByZoneQuarter.clear()
    offsetByZoneQuarter.set(key, offset)
  }
  return offset
}
