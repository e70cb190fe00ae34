// The remote-call port: named methods that take and give raw bytes, with deadlines and limits. Errors arrive as the
// FreshetError the other side threw; a peer that is away is `peer-unavailable`, a call past its deadline `deadline-exceeded`.

export interface RpcCall {
  /** Aborted when the caller has gone or its deadline has passed. */
  readonly signal: AbortSignal
}

export type RpcMethod = (request: Uint8Array, call: RpcCall) => Promise<Uint8Array>

export interface RpcServer {
  /** host:port to be called at. */
  readonly address: string
  /** Takes no new calls, waits for those under way up to a limit, then closes. */
  close(): Promise<void>
}

export interface RpcServerOptions {
  readonly host: string
  /** 0: one that is free. */
  readonly port: number
  readonly methods: Readonly<Record<string, RpcMethod>>
  /** Calls at once; more are refused as overloaded. */
  readonly callsInFlightMax?: number
  readonly messageBytesMax?: number
}

export interface RpcCallOptions {
  readonly deadlineMs: number
  readonly signal?: AbortSignal
}

/** A connection to one peer; connects when first called and again whenever it was lost. */
export interface RpcClient {
  readonly address: string
  call(method: string, request: Uint8Array, options: RpcCallOptions): Promise<Uint8Array>
  close(): Promise<void>
}
