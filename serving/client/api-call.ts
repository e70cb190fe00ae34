// One HTTP call to a gateway: an answer, or an error that says whether trying again can help.

/** What the gateway answered instead, or that it did not. */
export class FreshetApiError extends Error {
  /** `unreachable` where no answer came. */
  readonly code: string
  readonly status: number
  readonly field: string | undefined
  readonly remedy: string
  readonly retryable: boolean
  readonly retryAfterMs: number

  constructor(
    status: number,
    error: { code: string; message: string; field?: string; remedy: string },
    retryAfterMs = 0,
  ) {
    super(`${error.message}; ${error.remedy}`)
    this.name = 'FreshetApiError'
    this.code = error.code
    this.status = status
    this.field = error.field
    this.remedy = error.remedy
    this.retryable = status === 0 || status === 408 || status === 429 || status >= 500
    this.retryAfterMs = retryAfterMs
  }
}

export interface ApiCall {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE'
  readonly path: string
  readonly body?: unknown
  /** Lets the call outlive the page that makes it; bodies up to 64 KiB. */
  readonly keepalive?: boolean
}

export async function apiCall<Answer>(baseUrl: string, token: string | undefined, call: ApiCall): Promise<Answer> {
  const headers: Record<string, string> = {}
  if (call.body !== undefined) headers['content-type'] = 'application/json'
  if (token !== undefined) headers.authorization = `Bearer ${token}`
  let response: Response
  try {
    response = await fetch(`${baseUrl}${call.path}`, {
      method: call.method,
      headers,
      ...(call.body === undefined ? {} : { body: JSON.stringify(call.body) }),
      ...(call.keepalive ? { keepalive: true } : {}),
    })
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause)
    throw new FreshetApiError(0, {
      code: 'unreachable',
      message: `${baseUrl} does not answer: ${why}`,
      remedy: 'try again',
    })
  }
  const answer: unknown = await response.json().catch(() => null)
  if (response.ok && answer !== null) return answer as Answer
  const said = (answer as { error?: { code: string; message: string; remedy: string } } | null)?.error
  const error = said ?? {
    code: 'not-freshet',
    message: `status ${response.status} without a reason`,
    remedy: 'check baseUrl',
  }
  throw new FreshetApiError(response.status, error, Number(response.headers.get('retry-after') ?? 0) * 1_000)
}
