// Keeps what users did for ever, without what was served and without personal content: `interactions` to `engagements`.
import type { InteractionsRecord } from '../../schemas/generated.ts'
import { engagements } from '../../schemas/topics.ts'
import type { Processor } from '../processor/processor.ts'

/** Ticks are forwarded; texts of comments and free reasons of reports are blanked. No state. */
export function engagementsProjection(): Processor {
  return {
    name: 'engagements',
    step({ record, key, partition }, output) {
      const interaction = record as InteractionsRecord
      if (interaction.type !== 'FeedServed') output.emit(engagements, key, withoutText(interaction), partition)
    },
    dump: () => new Uint8Array(0),
    load(dump) {
      if (dump.byteLength > 0) throw new RangeError('the engagements projection has no state')
    },
  }
}

type Kept = Exclude<InteractionsRecord, { type: 'FeedServed' }>

function withoutText(record: Kept): Kept {
  switch (record.type) {
    case 'VideoCommented':
      return { ...record, text: '' }
    case 'VideoReported':
      return { ...record, reason: '' }
    case 'NotInterested':
      return { ...record, reason: null }
    default:
      return record
  }
}
