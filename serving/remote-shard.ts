// A serving shard of another process, asked by remote calls. Its answers are those of the shard itself; besides the shard's
// errors it gives `peer-unavailable` and `deadline-exceeded`.

import type { RpcClient } from '../streams/rpc/rpc.ts'
import type { ServingShard } from './shard.ts'
import {
  decodeFeedOutcome,
  decodeJson,
  encodeJson,
  onlyShard,
  type ShardQuestion,
  shardMethodOf,
} from './shard-wire.ts'

export interface RemoteShardOptions {
  readonly name?: string
  /** Of one question. A page takes tens of milliseconds, and waits at most `reflectMsMax` more. */
  readonly deadlineMs?: number
}

export function remoteServingShard(client: RpcClient, options: RemoteShardOptions = {}): ServingShard {
  const { name = onlyShard, deadlineMs = 1_000 } = options
  const ask = (question: ShardQuestion, request: unknown): Promise<Uint8Array> =>
    client.call(shardMethodOf(name, question), encodeJson(request), { deadlineMs })
  /** The other end encoded what this type says. */
  const answer = async <T>(question: ShardQuestion, request: unknown): Promise<T> =>
    decodeJson(await ask(question, request)) as T
  return {
    feed: async (request) => decodeFeedOutcome(await ask('feed', request)),
    video: (videoId) => answer('video', videoId),
    explain: (requestId) => answer('explain', requestId),
    status: () => answer('status', null),
  }
}
