// A serving shard as remote methods: what another process asks is answered as if it were asked here.

import type { RpcMethod } from '../streams/rpc/rpc.ts'
import type { ServingShard } from './shard.ts'
import { decodeFeedRequest, decodeJson, encodeFeedOutcome, encodeJson, onlyShard, shardMethodOf } from './shard-wire.ts'

/** `name` tells the shards of one process apart. */
export function shardMethods(shard: ServingShard, name: string = onlyShard): Record<string, RpcMethod> {
  return {
    [shardMethodOf(name, 'feed')]: async (request) => encodeFeedOutcome(await shard.feed(decodeFeedRequest(request))),
    [shardMethodOf(name, 'video')]: async (videoId) => encodeJson(await shard.video(String(decodeJson(videoId)))),
    [shardMethodOf(name, 'explain')]: async (requestId) =>
      encodeJson(await shard.explain(String(decodeJson(requestId)))),
    [shardMethodOf(name, 'status')]: async () => encodeJson(await shard.status()),
  }
}
