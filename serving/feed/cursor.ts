// The cursor of a feed: opaque to clients, it names a session and a page of one user.
import { checksum } from '../../schemas/ids.ts'

export interface FeedCursor {
  readonly sessionId: string
  readonly page: number
}

const version = 1
const charactersMax = 512

export function encodeCursor(userId: string, cursor: FeedCursor): string {
  const { sessionId, page } = cursor
  const text = JSON.stringify([version, sessionId, page, seal(userId, cursor)])
  return Buffer.from(text, 'utf8').toString('base64url')
}

/** null for a cursor that is damaged or was given to another user. The seal finds mistakes, it keeps no secret. */
export function decodeCursor(userId: string, text: string): FeedCursor | null {
  if (text.length > charactersMax || !/^[A-Za-z0-9_-]+$/.test(text)) return null
  let parts: unknown
  try {
    parts = JSON.parse(Buffer.from(text, 'base64url').toString('utf8'))
  } catch {
    return null
  }
  if (!Array.isArray(parts) || parts.length !== 4 || parts[0] !== version) return null
  const [, sessionId, page, given] = parts as unknown[]
  if (typeof sessionId !== 'string' || !Number.isSafeInteger(page) || (page as number) < 0) return null
  const cursor = { sessionId, page: page as number }
  return given === seal(userId, cursor) ? cursor : null
}

function seal(userId: string, { sessionId, page }: FeedCursor): string {
  return checksum(new TextEncoder().encode(`${userId}\n${sessionId}\n${page}`))
}
