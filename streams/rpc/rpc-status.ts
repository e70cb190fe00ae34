// How an error crosses a call: the FreshetError that a method threw is the one its caller catches, with code, message and
// details; anything else becomes one of the closed list.

import { type ErrorCode, errorCodes, FreshetError } from '../runtime/errors.ts'

/** HTTP/2 stacks refuse large headers, and an error travels in one (base64, so a third more). */
const statusBytesMax = 4_096
const messageCharsMax = 1_000

/** Details that are no plain JSON, or too large for a header, stay behind; a long message is cut. */
export function encodeStatus(thrown: unknown): Uint8Array {
  const { code, message, details } = asFreshetError(thrown)
  const cut = message.slice(0, messageCharsMax)
  const whole = jsonOf({ code, message: cut, details })
  if (whole && whole.byteLength <= statusBytesMax) return whole
  return jsonOf({ code, message: cut, details: {} })!
}

/** Null for bytes that are no status of ours. */
export function decodeStatus(bytes: Uint8Array): FreshetError | null {
  try {
    const { code, message, details } = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes)) as {
      code?: unknown
      message?: unknown
      details?: unknown
    }
    if (typeof code !== 'string' || typeof message !== 'string' || !Object.hasOwn(errorCodes, code)) return null
    const isRecord = typeof details === 'object' && details !== null && !Array.isArray(details)
    return new FreshetError(code as ErrorCode, message, isRecord ? { details: details as Record<string, unknown> } : {})
  } catch {
    return null
  }
}

/** What a method throws that is no operating error is a fault of its process, not of the call. */
function asFreshetError(thrown: unknown): FreshetError {
  if (thrown instanceof FreshetError) return thrown
  const text = thrown instanceof Error ? thrown.message : String(thrown)
  return new FreshetError(
    'engine-failed',
    `the method failed: ${text}; look at the output of the process that was asked`,
  )
}

function jsonOf(value: unknown): Uint8Array | null {
  try {
    return new TextEncoder().encode(JSON.stringify(value))
  } catch {
    return null
  }
}
