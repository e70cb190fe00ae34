// The thread of projections: what others read is derived here, apart from learning and serving.
import { join } from 'node:path'
import { interactions } from '../../schemas/topics.ts'
import { processorGroup } from '../../streams/processor/processor-group.ts'
import { engagementsProjection } from '../../streams/projections/engagements.ts'
import { systemDisk } from '../../streams/runtime/system-disk.ts'
import { folderBlobStore } from '../../streams/stores/folder-blob-store.ts'
import { runThread, type ThreadSettings } from './worker-entry.ts'

await runThread<ThreadSettings>(async ({ settings, log, runtime }) => {
  const { config } = settings
  const group = await processorGroup({
    log,
    runtime,
    blobs: folderBlobStore(systemDisk, join(config.dataDir, 'blobs'), 'projections'),
    checkpointEveryMs: config.checkpointIntervalMs,
    group: 'engagements',
    topic: interactions,
    makeProcessor: () => engagementsProjection(),
  })
  return {
    handlers: { status: () => group.progress() },
    failed: group.ended.then(() => new Promise<never>(() => {})),
    stop: () => group.stop(),
  }
})
