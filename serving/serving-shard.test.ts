// The shard against its suite, in this thread.
import { ShardWorld } from './feed/shard-world.ts'
import { describeServingShard } from './serving-shard.suite.ts'

describeServingShard('in this thread', async (options) => new ShardWorld(options))
