// Which blob names there are: slash-separated parts of letters, digits, dot, underscore and dash, none of them "." or "..".
import { FreshetError } from '../runtime/errors.ts'

export const blobNameBytesMax = 512
const part = /^[A-Za-z0-9._-]{1,200}$/

/** The parts of a blob name. Throws usage for what is none. */
export function blobNameParts(name: string): string[] {
  const parts = name.split('/')
  if (name.length > blobNameBytesMax || parts.some((text) => !part.test(text) || text === '.' || text === '..')) {
    throw new FreshetError('usage', `"${name}" is no blob name: use parts of letters, digits, ".", "_" and "-"`, {
      details: { name },
    })
  }
  return parts
}
