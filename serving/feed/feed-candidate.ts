// A video on its way to the page, with what each stage found.
import type { FeatureRow } from '../../schemas/layouts/feature-row.ts'
import type { PublishedEntry } from '../view/catalog.ts'

export interface FeedCandidate {
  readonly entry: PublishedEntry
  /** Every source that brought it; it belongs to the first. */
  readonly sources: string[]
  /** Dot product with the query's vector, whatever source brought it; 0 where either has no vector. */
  similarity: number
  /** Served lately and not reached: shown again because nothing else is left. */
  readonly again: boolean
  /** Frozen entry-side features; null until hydrated. */
  features: FeatureRow | null
  /** Probabilities by head, in the scorer's order; empty where none ranked it. */
  predictions: Float32Array
  score: number
  /** Score left by each scorer. */
  readonly stageScores: Record<string, number>
  /** Probability with which exploration put it where it stands; 1 where it was not explored. */
  propensity: number
  /** Rules that moved it, in words. */
  readonly reasons: string[]
}

const noPredictions = new Float32Array(0)

export function feedCandidate(
  entry: PublishedEntry,
  source: string,
  { again = false }: { readonly again?: boolean } = {},
): FeedCandidate {
  return {
    entry,
    sources: [source],
    similarity: 0,
    again,
    features: null,
    predictions: noPredictions,
    score: 0,
    stageScores: {},
    propensity: 1,
    reasons: [],
  }
}
