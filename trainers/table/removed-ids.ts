// Ids that left a table by themselves, until somebody asks for them: none is lost, each is told once.

export class RemovedIds {
  #reports: BigUint64Array[] = []

  /** Copies them. */
  append(ids: BigUint64Array): void {
    this.#reports.push(ids.slice())
  }

  /** Distinct, ascending; there are none after. */
  drain(): BigUint64Array {
    const ids = new BigUint64Array(this.#reports.reduce((length, report) => length + report.length, 0))
    let filled = 0
    for (const report of this.#reports) {
      ids.set(report, filled)
      filled += report.length
    }
    this.clear()
    return distinct(ids.sort())
  }

  clear(): void {
    this.#reports = []
  }
}

function distinct(ascending: BigUint64Array): BigUint64Array {
  let count = 0
  for (let index = 0; index < ascending.length; index++) {
    if (index > 0 && ascending[index] === ascending[count - 1]) continue
    ascending[count++] = ascending[index]!
  }
  return ascending.slice(0, count)
}
