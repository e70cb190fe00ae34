// The events a client may send: schema of each body, and how it becomes a record.
import { type TObject, type TProperties, Type } from 'typebox'
import type { InteractionsRecord } from '../../schemas/generated.ts'
import { Id } from './shapes.ts'

export type ClientEvent = Exclude<InteractionsRecord, { type: 'FeedServed' | 'Tick' }>
export type ClientEventType = ClientEvent['type']

const durationMsMax = 24 * 3_600_000
const Milliseconds = (description: string) => Type.Integer({ minimum: 0, maximum: durationMsMax, description })

const stamped = {
  eventId: Type.Optional(
    Type.String({
      minLength: 1,
      maxLength: 64,
      description: 'a UUIDv7 of yours: sent again, the event takes effect once',
    }),
  ),
  eventTimeMs: Type.Optional(
    Type.Integer({ minimum: 0, description: 'when it happened, UTC milliseconds; now where it is missing' }),
  ),
  userId: Id('who did it'),
}
const shown = {
  requestId: Type.Optional(Id('requestId of the page that showed the video')),
  position: Type.Optional(Type.Integer({ minimum: 0, maximum: 1_000_000, description: 'place in that page, from 0' })),
}
const videoId = Id('the video')
const withdrawn = Type.Optional(Type.Boolean({ default: false, description: 'true takes the engagement back' }))
const words = (description: string, maxLength = 1_024) => Type.String({ maxLength, description })

function body(type: ClientEventType, fields: TProperties): TObject {
  return Type.Object({ type: Type.Literal(type), ...stamped, ...fields }, { title: type, additionalProperties: false })
}

export const eventBodies: Readonly<Record<ClientEventType, TObject>> = {
  VideoWatched: body('VideoWatched', {
    videoId,
    ...shown,
    watchTimeMs: Milliseconds('time watched, whole milliseconds, replays included'),
    durationMs: Milliseconds('length of the video, whole milliseconds'),
    completed: Type.Optional(Type.Boolean({ description: 'true when its end was reached; else told by the times' })),
    replays: Type.Optional(
      Type.Integer({ minimum: 0, maximum: 100_000, default: 0, description: 'times it started again' }),
    ),
  }),
  VideoSkipped: body('VideoSkipped', {
    videoId,
    ...shown,
    watchTimeMs: Milliseconds('time watched before moving on, whole milliseconds'),
    durationMs: Milliseconds('length of the video, whole milliseconds'),
  }),
  VideoLiked: body('VideoLiked', { videoId, ...shown, withdrawn }),
  VideoShared: body('VideoShared', { videoId, ...shown, channel: Type.Optional(words('where to', 64)), withdrawn }),
  VideoSaved: body('VideoSaved', { videoId, ...shown, withdrawn }),
  VideoCommented: body('VideoCommented', {
    videoId,
    ...shown,
    commentId: Id('the comment'),
    text: words('what it says, at most 10,000 characters', 10_000),
    withdrawn,
  }),
  CreatorFollowed: body('CreatorFollowed', {
    creatorId: Id('the creator'),
    videoId: Type.Optional(videoId),
    ...shown,
    withdrawn,
  }),
  NotInterested: body('NotInterested', { videoId, ...shown, reason: Type.Optional(words('why')), withdrawn }),
  InterestsReset: body('InterestsReset', {}),
  VideoReported: body('VideoReported', { videoId, ...shown, reason: words('why'), withdrawn }),
}
export const clientEventTypes = Object.keys(eventBodies) as ClientEventType[]

/** What a body that leaves a field out means by it. */
const absentShown = { requestId: null, position: null }
const absent: Readonly<Record<ClientEventType, object>> = {
  VideoWatched: { ...absentShown, replays: 0, givenLabels: {} },
  VideoSkipped: { ...absentShown, givenLabels: {} },
  VideoLiked: { ...absentShown, withdrawn: false },
  VideoShared: { ...absentShown, channel: null, withdrawn: false },
  VideoSaved: { ...absentShown, withdrawn: false },
  VideoCommented: { ...absentShown, withdrawn: false },
  CreatorFollowed: { ...absentShown, videoId: null, withdrawn: false },
  NotInterested: { ...absentShown, reason: null, withdrawn: false },
  InterestsReset: {},
  VideoReported: { ...absentShown, withdrawn: false },
}

/** A body that fits its schema. */
export type EventBody = { readonly type: ClientEventType; readonly userId: string } & Readonly<Record<string, unknown>>

/** The record of a valid body. `completed` left out: the whole length was watched. */
export function recordOf(
  valid: EventBody,
  stamps: { readonly eventId: string; readonly eventTimeMs: number; readonly receivedTimeMs: number },
): ClientEvent {
  const record: Record<string, unknown> = { ...absent[valid.type], ...valid, ...stamps }
  if (valid.type === 'VideoWatched' && valid.completed === undefined) {
    const durationMs = valid.durationMs as number
    record.completed = durationMs > 0 && (valid.watchTimeMs as number) >= durationMs
  }
  return record as unknown as ClientEvent
}
