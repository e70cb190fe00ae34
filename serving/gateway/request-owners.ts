// Whose request it was: found again without asking every shard, for as many as fit.
import { boundedMap } from './bounded-map.ts'

export interface RequestOwners {
  remember(requestId: string, userId: string): void
  ownerOf(requestId: string): string | null
}

export function requestOwners(requestsMax: number): RequestOwners {
  const userByRequest = boundedMap<string, string>(requestsMax)
  return {
    remember: (requestId, userId) => userByRequest.set(requestId, userId),
    ownerOf: (requestId) => userByRequest.get(requestId) ?? null,
  }
}
