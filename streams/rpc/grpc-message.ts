// Messages as gRPC carries them: bytes as given, up to a size that both ends know.

import { FreshetError } from '../runtime/errors.ts'

export function tooLarge(bytes: number, messageBytesMax: number): FreshetError {
  return new FreshetError('record-too-large', `a message of ${bytes} bytes, at most ${messageBytesMax}: ask for less`, {
    details: { bytes, messageBytesMax },
  })
}

export function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

export function asGiven(bytes: Buffer): Uint8Array {
  return bytes
}
