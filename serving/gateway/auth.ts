// Who is calling, and for whom he may act.
import { importSPKI, jwtVerify } from 'jose'
import { FreshetError } from '../../streams/runtime/errors.ts'
import type { Clock } from '../../streams/runtime/runtime.ts'
import { ApiError } from './api-errors.ts'

export interface JwtOptions {
  readonly algorithm: 'HS256' | 'RS256'
  /** HS256: the shared secret, at least 32 bytes. RS256: the public key as PEM (SPKI). */
  readonly key: string
  readonly issuer?: string
  readonly audience?: string
}

export interface Caller {
  /** A user acts for himself, an operator (the word `operator` in the token's `scope`) for anyone. */
  mayActFor(userId: string): boolean
}

declare module 'fastify' {
  interface FastifyRequest {
    /** Set on every route under /v1. */
    caller: Caller
  }
}

export interface Authenticator {
  /** `token` as sent, null when none was. Rejects with unauthenticated. */
  authenticate(token: string | null): Promise<Caller>
}

const anyone: Caller = { mayActFor: () => true }
const secretBytesMin = 32

export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || host === '[::1]' || /^127(\.\d{1,3}){3}$/.test(host)
}

/** Rejects with config-invalid where the settings leave the gateway open or cannot work. */
export async function authenticator(parts: {
  readonly mode: 'none' | 'jwt'
  readonly jwt: JwtOptions | undefined
  readonly host: string
  readonly clock: Clock
}): Promise<Authenticator> {
  if (parts.mode === 'none') {
    if (!isLoopback(parts.host)) {
      throw new FreshetError(
        'config-invalid',
        `auth.mode none would let anyone reach ${parts.host} act as any user; set auth.mode to jwt, or gateway.host to 127.0.0.1`,
      )
    }
    return { authenticate: async () => anyone }
  }
  if (!parts.jwt) throw new FreshetError('config-invalid', 'auth.mode jwt has no key; set auth.algorithm and auth.key')
  return jwtAuthenticator(parts.jwt, parts.clock)
}

async function jwtAuthenticator(options: JwtOptions, clock: Clock): Promise<Authenticator> {
  const key = await importKey(options)
  const checks = {
    algorithms: [options.algorithm],
    requiredClaims: ['sub', 'exp'],
    ...(options.issuer === undefined ? {} : { issuer: options.issuer }),
    ...(options.audience === undefined ? {} : { audience: options.audience }),
  }
  return {
    async authenticate(token) {
      if (token === null) {
        throw new ApiError('unauthenticated', 'no token came with the request', 'send Authorization: Bearer TOKEN')
      }
      try {
        const { payload } = await jwtVerify(token, key, { ...checks, currentDate: new Date(clock.nowMs()) })
        const scopes = typeof payload.scope === 'string' ? payload.scope.split(' ') : []
        const operator = scopes.includes('operator')
        return { mayActFor: (userId) => operator || payload.sub === userId }
      } catch (cause) {
        throw new ApiError(
          'unauthenticated',
          `the token does not hold: ${(cause as Error).message}`,
          'send a fresh token',
        )
      }
    },
  }
}

async function importKey({ algorithm, key }: JwtOptions): Promise<CryptoKey | Uint8Array> {
  if (algorithm === 'HS256') {
    const secret = new TextEncoder().encode(key)
    if (secret.byteLength >= secretBytesMin) return secret
    throw new FreshetError(
      'config-invalid',
      `auth.key has ${secret.byteLength} bytes, too few for HS256; set one of at least ${secretBytesMin} random bytes`,
    )
  }
  try {
    return await importSPKI(key, algorithm)
  } catch (cause) {
    throw new FreshetError('config-invalid', 'auth.key is not a public key; set it to an SPKI PEM', { cause })
  }
}

/** The token of an Authorization header. */
export function bearerToken(header: string | undefined): string | null {
  const match = /^Bearer +(\S+)$/i.exec(header ?? '')
  return match?.[1] ?? null
}

/** Refuses what the token is not for. */
export function requireActingFor(caller: Caller, userId: string, field: string): void {
  if (caller.mayActFor(userId)) return
  throw new ApiError('forbidden', `the token is not of ${userId}`, `send the token whose subject is ${userId}`, field)
}
