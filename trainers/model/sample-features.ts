// A small feature set and its model spec for tests and benchmarks of trainers: one file that shows every kind of slot.
import { rowId } from '../../schemas/ids.ts'
import type { Feature, QueryContext, VideoFacts } from '../../streams/features/feature.ts'
import { type FeatureSet, featureSet } from '../../streams/features/feature-set.ts'
import { type ModelSpec, modelSpec } from './model-spec.ts'

const content: Feature = {
  name: 'content',
  slots: [],
  dense: ['content.0', 'content.1'].map((name) => ({ name, side: 'entry' })),
  readEntry(_context, video, out) {
    out.dense('content.0', video.content?.[0] ?? 0)
    out.dense('content.1', video.content?.[1] ?? 0)
  },
}

const people: Feature = {
  name: 'people',
  slots: [
    { name: 'user', side: 'query', width: 1 },
    { name: 'region', side: 'query', width: 1 },
    { name: 'recentPositive', side: 'query', width: 4 },
    { name: 'userXcreator', side: 'entry', width: 1 },
  ],
  dense: [{ name: 'user.outcomes', side: 'query' }],
  readQuery(context, out) {
    out.id('user', rowId('user', context.user.userId))
    out.id('region', rowId('region', context.region))
    out.ids(
      'recentPositive',
      context.history.recent.map(({ videoId }) => rowId('video', videoId)),
    )
    out.dense('user.outcomes', Math.log1p(context.history.recent.length))
  },
  readEntry(context, video, out) {
    out.id('userXcreator', rowId('userXcreator', `${context.user.userId} ${video.creatorId}`))
  },
}

const clips: Feature = {
  name: 'clips',
  slots: [
    { name: 'video', side: 'entry', width: 1 },
    { name: 'creator', side: 'entry', width: 1 },
    { name: 'hashtags', side: 'entry', width: 3 },
  ],
  dense: [{ name: 'video.duration', side: 'entry' }],
  readEntry(_context, video, out) {
    out.id('video', rowId('video', video.videoId))
    out.id('creator', rowId('creator', video.creatorId))
    out.ids(
      'hashtags',
      video.hashtags.map((hashtag) => rowId('hashtags', hashtag)),
    )
    out.dense('video.duration', Math.log1p(video.durationMs / 1_000) / 4)
  },
}

export const sampleFeatures: FeatureSet = featureSet([people, clips, content])

const adagrad = { kind: 'adagrad', learningRate: 0.05, initialAccumulator: 1e-5, epsilon: 1e-6 }
const table = (name: string, side: string, seed: number, initialScale: number) => {
  return { name, side, dimension: 4, optimizer: adagrad, initialScale, seed, rowsMax: 100_000 }
}
const denseOptimizer = { learningRate: 0.01, initialAccumulator: 0.01 }

export const sampleSpec: ModelSpec = modelSpec({
  model: 'sample',
  seed: 7,
  tables: [table('item', 'item', 1, 0.01), table('user', 'user', 2, 0.01), table('tower', 'item', 3, 0.05)],
  slots: [
    { name: 'user', table: 'user' },
    { name: 'userXcreator', table: 'user' },
    { name: 'region', table: 'item' },
    { name: 'video', table: 'item' },
    { name: 'recentPositive', table: 'item', share: 'video' },
    { name: 'creator', table: 'item' },
    { name: 'hashtags', table: 'item' },
  ],
  ranker: {
    slots: ['user', 'region', 'recentPositive', 'video', 'creator', 'hashtags', 'userXcreator'],
    queryDense: { include: ['*'], exclude: [] },
    entryDense: { include: ['*'], exclude: ['content.*'] },
    history: { query: 'recentPositive', entry: 'video' },
    hidden: [12, 8],
    headBiases: { longView: -0.5, watchTime: 1.8 },
    optimizer: denseOptimizer,
  },
  towers: {
    table: 'tower',
    slots: ['region', 'recentPositive', 'video', 'creator', 'hashtags'],
    queryDense: { include: [], exclude: [] },
    entryDense: { include: ['content.*'], exclude: [] },
    hidden: 8,
    dimension: 6,
    temperature: 0.1,
    positives: ['longView', 'complete'],
    frequency: { learningRate: 0.05, buckets: 1_024 },
    optimizer: denseOptimizer,
  },
})

/** A page asked for by `userId`, with what the user acted on lately, newest first. */
export function sampleQuery(userId: string, recentVideoIds: readonly string[]): QueryContext {
  const recent = recentVideoIds.map((videoId) => ({
    videoId,
    creatorId: null,
    hashtags: [],
    soundId: null,
    eventTimeMs: 0,
    watchRatio: 1,
    completed: true,
    earlySkip: false,
    liked: false,
    notInterested: false,
  }))
  return {
    user: {
      userId,
      region: 'se',
      language: 'sv',
      birthYear: null,
      interests: [],
      attributes: {},
      rowIdsBySlot: new Map(),
    },
    surface: 'foryou',
    device: 'phone',
    network: 'wifi',
    language: 'sv',
    region: 'se',
    nowMs: 0,
    history: { recent },
    counts: {
      read(_table, _id, out) {
        out.fill(0)
        return 0
      },
    },
  }
}

export function sampleVideo(videoId: string, creatorId: string, hashtags: readonly string[]): VideoFacts {
  return {
    videoId,
    creatorId,
    durationMs: 20_000,
    soundId: null,
    hashtags,
    category: null,
    language: 'sv',
    region: 'se',
    publishedTimeMs: 0,
    content: null,
    attributes: {},
    rowIdsBySlot: new Map(),
  }
}
