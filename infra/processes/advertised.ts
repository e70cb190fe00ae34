// What other processes call a server of this one by.
import type { Config } from '../config/config.ts'

export function advertised({ rpc }: Config, address: string): string {
  if (rpc.advertisedHost === '') return address
  const host = rpc.advertisedHost.includes(':') ? `[${rpc.advertisedHost}]` : rpc.advertisedHost
  return `${host}:${address.slice(address.lastIndexOf(':') + 1)}`
}
