// A serving shard of another thread, asked over a channel.
import type { ServingShard } from '../../serving/shard.ts'
import type { Caller, Handlers } from './channel.ts'

export function shardHandlers(shard: ServingShard): Handlers {
  return {
    feed: (request: never) => shard.feed(request),
    video: (videoId: never) => shard.video(videoId),
    explain: (requestId: never) => shard.explain(requestId),
    status: () => shard.status(),
  }
}

export function remoteShard(calls: Caller): ServingShard {
  return {
    feed: (request) => calls.call('feed', request),
    video: (videoId) => calls.call('video', videoId),
    explain: (requestId) => calls.call('explain', requestId),
    status: () => calls.call('status'),
  }
}
