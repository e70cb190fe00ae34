// What every log made elsewhere is read into, whatever its shape: all that an import or an evaluation needs of it.
import type { UserJoined, VideoPublished } from '../../../schemas/generated.ts'
import type { BadRows } from './bad-rows.ts'
import type { TimelineEvent } from './imported-events.ts'

export interface ImportedFiles {
  /** Rows of the log that were read, repeated ones included: what progress is a share of. */
  readonly rowCount: number
  readonly users: readonly UserJoined[]
  readonly videos: readonly VideoPublished[]
  /** Impressions and engagements in event-time order, repeated rows dropped or kept. May be asked for more than once. */
  timeline(repeats: 'keep' | 'drop'): Iterable<TimelineEvent>
  /** Rows of any file that could not be read, by kind. */
  readonly badRows: BadRows
  /** One line per kind of row that could not be read, and per thing that a person should know about the files. */
  readonly complaints: readonly string[]
}
