// The params in force and those of recent versions, as a fold of `policies`. The version is the offset that follows the
// newest change taken over: 0 means the defaults.
import type { PolicyChanged } from '../../schemas/generated.ts'
import { defaultParams, type Params, withPolicy } from '../feed/params.ts'
import { BoundedMap } from './bounded-map.ts'

export class PolicyBook {
  private current: Params = defaultParams
  private currentVersion = 0
  private readonly paramsByVersion: BoundedMap<number, Params>
  /** Newest refusals, in words. */
  readonly refusals: string[] = []
  refusedCount = 0

  constructor(versionsMax: number) {
    this.paramsByVersion = new BoundedMap(versionsMax)
    this.paramsByVersion.set(0, defaultParams)
  }

  get params(): Params {
    return this.current
  }

  get version(): number {
    return this.currentVersion
  }

  /** Params as of a version; null when it is forgotten. */
  paramsOf(version: number): Params | null {
    return this.paramsByVersion.get(version) ?? null
  }

  apply(record: PolicyChanged, next: number): void {
    const outcome = withPolicy(this.current, record.name, parsed(record.value))
    for (const reason of outcome.refused) this.refuse(`${record.name}: ${reason}`)
    this.current = outcome.params
    this.currentVersion = next
    this.paramsByVersion.set(next, outcome.params)
  }

  private refuse(reason: string): void {
    this.refusedCount++
    this.refusals.push(reason)
    if (this.refusals.length > 20) this.refusals.shift()
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}
