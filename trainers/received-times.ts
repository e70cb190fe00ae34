// The histogram in which gradients tell when the examples of a batch were accepted.
import type { ReceivedTimeBin } from '../schemas/generated.ts'

const binMs = 10

/** Ascending, 10 ms a bin. */
export function receivedTimesOf(records: readonly { readonly receivedTimeMs: number }[]): ReceivedTimeBin[] {
  const examplesByBin = new Map<number, number>()
  for (const { receivedTimeMs } of records) {
    const bin = Math.floor(receivedTimeMs / binMs) * binMs
    examplesByBin.set(bin, (examplesByBin.get(bin) ?? 0) + 1)
  }
  const bins = [...examplesByBin].sort(([left], [right]) => left - right)
  return bins.map(([receivedTimeMs, examples]) => ({ receivedTimeMs, examples }))
}
