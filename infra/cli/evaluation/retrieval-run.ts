// Retrieval in the same pass: for each long view, where the video stood among all videos seen before, by the towers as feeds
// use them and by what a user would pick instead. Nothing of the viewing itself, nor of its interval, has been learned or counted.
import type { Example } from '../../../schemas/generated.ts'
import { headIndex } from '../../../schemas/labels.ts'
import { decodeFeatureRow, type FeatureRow, featureRow } from '../../../schemas/layouts/feature-row.ts'
import { decodeFloats } from '../../../schemas/layouts/floats.ts'
import { exposurePrior } from '../../../serving/retrieval/exposure-prior.ts'
import { trendHalfLifeMs } from '../../../streams/features/count-columns.ts'
import type { FeatureSet } from '../../../streams/features/feature-set.ts'
import { dotProducts } from '../../../trainers/evaluation/dot-products.ts'
import { placeOf } from '../../../trainers/evaluation/expected-rank.ts'
import { ImplicitAls } from '../../../trainers/evaluation/implicit-als.ts'
import { NumberedNames } from '../../../trainers/evaluation/scored-rows.ts'
import { VideoPopularity } from '../../../trainers/evaluation/video-popularity.ts'
import type { Parameters } from '../../../trainers/model/model.ts'
import type { ModelSpec } from '../../../trainers/model/model-spec.ts'
import { type DisposableTowerEncoder, towerEncoder } from '../../../trainers/model/tower-encoder.ts'
import { type RetrievalReport, RetrievalTally } from './retrieval-tally.ts'

export interface RetrievalOptions {
  /** Each so-many-th long view is looked for. */
  readonly every: number
  /** Event time after which all videos are encoded anew; new ones are at once. */
  readonly encodeEveryMs: number
}

export interface RetrievalRunOptions extends RetrievalOptions {
  readonly spec: ModelSpec
  readonly features: FeatureSet
  readonly parameters: Parameters
  readonly scoreFromMs: number
}

const dayMs = 86_400_000
const alsRoundsFirst = 5
/** A refit starts from the day before. */
const alsRounds = 2
/** How much a factorised score weighs beside the logarithm of popularity: of 1, 3, 10 and 30 the best on KuaiRand. */
const alsWeight = 3
/** Long views that a video without any is taken to have. */
const popularityFloor = 0.01
const everywhere = ''

export class RetrievalRun {
  readonly #options: RetrievalRunOptions
  readonly #encoder: DisposableTowerEncoder
  readonly #videos = new NumberedNames()
  readonly #users = new NumberedNames()
  readonly #firstShownMs: number[] = []
  readonly #features: Uint8Array[] = []
  /** Decoded features; null where newer ones came. */
  readonly #rows: (FeatureRow | null)[] = []
  readonly #positivesByUser: number[][] = []
  readonly #shown = new VideoPopularity(Number.POSITIVE_INFINITY)
  readonly #longViewed = new VideoPopularity(Number.POSITIVE_INFINITY)
  readonly #recent = new VideoPopularity(dayMs)
  /** Outcomes as the trends of a video count them, and what serving makes of those. */
  readonly #outcomes = new VideoPopularity(trendHalfLifeMs)
  readonly #exposures = exposurePrior(trendHalfLifeMs)
  readonly #als = new ImplicitAls()
  readonly #tally: RetrievalTally
  #vectors = new Float32Array(0)
  #encoded = 0
  #encodedMs = Number.NEGATIVE_INFINITY
  #alsDue = true
  #alsFitted = false
  #longViews = 0
  #unseen = 0

  /** Await denseCompute() first. */
  constructor(options: RetrievalRunOptions) {
    const { spec, features, parameters } = options
    this.#options = options
    this.#encoder = towerEncoder({ spec, featureSet: features, parameters })
    this.#tally = new RetrievalTally()
  }

  /** ALS is fitted anew with the next long view. */
  startDay(): void {
    this.#alsDue = true
  }

  /** The video can be found from now on. */
  shown(example: Example): void {
    const video = this.#videos.numberOf(example.videoId)
    this.#firstShownMs[video] ??= example.impressionTimeMs
    this.#features[video] = example.features
    this.#rows[video] = null
  }

  /** Looks for the long views among what was joined in an interval that ends now, then counts all of it. */
  close(joined: readonly Example[], endMs: number): void {
    for (const example of joined) if (isLongView(example)) this.#lookFor(example, endMs)
    for (const example of joined) this.#count(example)
  }

  result(resamples: number, seed: number): RetrievalReport {
    const { every } = this.#options
    const facts = { every, catalogue: this.#videos.names.length, unseen: this.#unseen }
    return { ...facts, ...this.#tally.report(resamples, seed) }
  }

  dispose(): void {
    this.#encoder.dispose()
  }

  #lookFor(example: Example, endMs: number): void {
    if (example.impressionTimeMs < this.#options.scoreFromMs) return
    const wanted = this.#videos.numberOf(example.videoId)
    if (!(this.#firstShownMs[wanted]! < example.impressionTimeMs)) {
      this.#unseen++
      return
    }
    if (this.#longViews++ % this.#options.every !== 0) return
    const count = this.#videos.names.length
    this.#encode(endMs)
    this.#fitAls()
    const user = this.#users.numberOf(example.userId)
    const recent = this.#recent.scores(everywhere, count)
    const perSurface = this.#recent.scores(`surface ${example.surface}`, count)
    const similarities = this.#similarities(example, count)
    const exposure = this.#logExposure(count, example.impressionTimeMs)
    const als = this.#als.scores(this.#positivesByUser[user] ?? [], count)
    const priors = this.#logPopularity(recent, count, example.impressionTimeMs)
    const scoresByMethod: Readonly<Record<string, ArrayLike<number>>> = {
      model: sumOf(similarities, exposure, this.#encoder.priorScale),
      towersAlone: similarities,
      exposureDecayed6h: exposure,
      popularityOfImpressions: this.#shown.scores(everywhere, count),
      popularity: this.#longViewed.scores(everywhere, count),
      popularityDecayed24h: recent,
      popularityPerSurface24h: perSurface,
      als: als ?? recent,
      alsWithPopularity: als ? sumOf(priors, als, alsWeight) : recent,
    }
    const places = Object.entries(scoresByMethod).map(
      ([method, scores]) => [method, placeOf(scores, count, wanted)] as const,
    )
    this.#tally.add(example.userId, Object.fromEntries(places))
  }

  #count(example: Example): void {
    const { videoId, surface, impressionTimeMs } = example
    const video = this.#videos.numberOf(videoId)
    this.#shown.add(everywhere, video, impressionTimeMs)
    this.#outcomes.add(everywhere, video, impressionTimeMs)
    const left = this.#outcomes.scores(everywhere, video + 1)[video]! / this.#outcomes.unitAt(impressionTimeMs)
    this.#exposures.set(video, left, impressionTimeMs)
    if (!isLongView(example)) return
    this.#longViewed.add(everywhere, video, impressionTimeMs)
    this.#recent.add(everywhere, video, impressionTimeMs)
    this.#recent.add(`surface ${surface}`, video, impressionTimeMs)
    const user = this.#users.numberOf(example.userId)
    this.#positivesByUser[user] ??= []
    const positives = this.#positivesByUser[user]
    if (!positives.includes(video)) positives.push(video)
  }

  /** Videos seen since are encoded at once; all of them where it is time. */
  #encode(endMs: number): void {
    const { dimension } = this.#encoder
    const due = endMs - this.#encodedMs >= this.#options.encodeEveryMs
    const from = due ? 0 : this.#encoded
    const count = this.#videos.names.length
    if (due) this.#encodedMs = endMs
    if (this.#vectors.length < count * dimension) {
      const larger = new Float32Array(2 * count * dimension)
      larger.set(this.#vectors)
      this.#vectors = larger
    }
    for (let start = from; start < count; start += encodedRowsMax) {
      const end = Math.min(count, start + encodedRowsMax)
      for (let video = start; video < end; video++)
        this.#rows[video] ??= ownRow(decodeFeatureRow(this.#features[video]!))
      this.#vectors.set(this.#encoder.encodeEntries(this.#rows.slice(start, end) as FeatureRow[]), start * dimension)
    }
    this.#encoded = count
  }

  #similarities(example: Example, count: number): Float32Array {
    const query = this.#encoder.encodeQuery(decodeFeatureRow(example.queryFeatures))
    const scores = new Float32Array(count)
    dotProducts(query, this.#vectors, scores)
    return scores
  }

  #logExposure(count: number, timeMs: number): Float32Array {
    const logOf = this.#exposures.at(timeMs)
    return Float32Array.from({ length: count }, (_, video) => logOf(video))
  }

  #logPopularity(recent: Float64Array, count: number, timeMs: number): Float32Array {
    const unit = this.#recent.unitAt(timeMs)
    const priors = new Float32Array(count)
    for (let video = 0; video < count; video++) priors[video] = Math.log(recent[video]! / unit + popularityFloor)
    return priors
  }

  #fitAls(): void {
    if (!this.#alsDue) return
    this.#alsDue = false
    const known = Array.from({ length: this.#users.names.length }, (_, user) => this.#positivesByUser[user] ?? [])
    this.#als.fit(known, this.#videos.names.length, this.#alsFitted ? alsRounds : alsRoundsFirst)
    this.#alsFitted = true
  }
}

/** Entries encoded in one go. */
const encodedRowsMax = 2_048

function isLongView(example: Example): boolean {
  return decodeFloats(example.labels)[headIndex.longView] === 1
}

function sumOf(scores: Float32Array, others: ArrayLike<number>, weight: number): Float32Array {
  return scores.map((score, video) => score + weight * others[video]!)
}

/** A row that keeps nothing else in memory. */
function ownRow({ ids, dense }: FeatureRow): FeatureRow {
  return featureRow(ids.slice(), dense.slice())
}
