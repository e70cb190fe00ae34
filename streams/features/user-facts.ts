// What is known of a user, folded from the records of `users`.
import type { UsersRecord } from '../../schemas/generated.ts'
import type { UserFacts } from './feature.ts'

/** Facts after one record; null after an erasure. */
export function foldUserFacts(known: UserFacts | null, record: UsersRecord): UserFacts | null {
  switch (record.type) {
    case 'UserErased':
      return null
    case 'InterestsChosen':
      return { ...(known ?? unknownUser(record.userId)), interests: record.interests, rowIdsBySlot: new Map() }
    case 'UserJoined':
    case 'ProfileChanged':
      return {
        userId: record.userId,
        region: record.region,
        language: record.language,
        birthYear: record.birthYear,
        interests: record.interests,
        attributes: record.attributes,
        rowIdsBySlot: new Map(),
      }
  }
}

/** A user of whom only the id is known. */
export function unknownUser(userId: string): UserFacts {
  return {
    userId,
    region: null,
    language: null,
    birthYear: null,
    interests: [],
    attributes: {},
    rowIdsBySlot: new Map(),
  }
}
