// The published videos as the item encoder knows them, in the order they were published, and which of them a row belongs to.
import type { AnyRecord, VideosRecord } from '../../schemas/generated.ts'
import { type RowId, rowId } from '../../schemas/ids.ts'
import type { VideoFacts } from '../../streams/features/feature.ts'
import { foldVideoFacts } from '../../streams/features/video-facts.ts'
import { type Bucketing, itemBucketOf } from '../model/buckets.ts'

export class EncoderCatalog {
  readonly #factsByVideo = new Map<string, VideoFacts>()
  readonly #videoByRow = new Map<RowId, string>()

  get size(): number {
    return this.#factsByVideo.size
  }

  get videoIds(): string[] {
    return [...this.#factsByVideo.keys()]
  }

  facts(videoId: string): VideoFacts | undefined {
    return this.#factsByVideo.get(videoId)
  }

  /** Those of the row ids that are videos of the catalog. */
  videosOf(rowIds: BigUint64Array): string[] {
    const out: string[] = []
    for (const id of rowIds) {
      const videoId = this.#videoByRow.get(id as RowId)
      if (videoId !== undefined) out.push(videoId)
    }
    return out
  }

  /** The videos whose own row lies in the bucket. */
  videosIn(bucket: number, layout: Bucketing): string[] {
    const own = [...this.#videoByRow].filter(([id]) => itemBucketOf(Number(id >> 32n), layout) === bucket)
    return own.map(([, videoId]) => videoId)
  }

  /** encode: it is new or its content changed; remove: it was there and is taken down. */
  fold(record: VideosRecord): 'encode' | 'remove' | 'unchanged' {
    const { videoId } = record
    const known = this.#factsByVideo.get(videoId) ?? null
    if (record.type === 'VideoTakenDown') {
      if (!known) return 'unchanged'
      this.#factsByVideo.delete(videoId)
      this.#videoByRow.delete(rowId('video', videoId))
      return 'remove'
    }
    const facts = foldVideoFacts(known, record)
    if (facts === null || facts === known) return 'unchanged'
    this.#put(facts)
    return 'encode'
  }

  /** JSON, in order. */
  dump(): Uint8Array {
    const rows = [...this.#factsByVideo.values()].map(({ rowIdsBySlot: _, content, ...facts }) => {
      return { ...facts, content: content && [...content] }
    })
    return new TextEncoder().encode(JSON.stringify(rows))
  }

  load(bytes: Uint8Array): void {
    this.#factsByVideo.clear()
    this.#videoByRow.clear()
    const rows = JSON.parse(new TextDecoder().decode(bytes)) as (Omit<VideoFacts, 'content' | 'rowIdsBySlot'> & {
      readonly content: readonly number[] | null
    })[]
    for (const { content, ...facts } of rows) {
      this.#put({ ...facts, content: content && Float32Array.from(content), rowIdsBySlot: new Map() })
    }
  }

  #put(facts: VideoFacts): void {
    this.#factsByVideo.set(facts.videoId, facts)
    this.#videoByRow.set(rowId('video', facts.videoId), facts.videoId)
  }
}

const videosTypes: Readonly<Record<VideosRecord['type'], true>> = {
  VideoUploaded: true,
  VideoTranscoded: true,
  VideoFingerprinted: true,
  VideoEmbedded: true,
  VideoModerated: true,
  VideoPublished: true,
  VideoTakenDown: true,
}

/** Whether the record is one that the catalog folds. */
export function isVideosRecord(record: AnyRecord): record is VideosRecord {
  return record.type in videosTypes
}
