// What collisions cost. A stream of users who like or dislike items by planted tastes, learned by a factorization machine
// twice: with a collisionless table that forgets rare and old ids, and with a hashed one of the same size in bytes, which
// has no ids and no index and so a good half more rows, but lets ids share them. There are many more ids than rows in both.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { IdBatch } from './id-batch.ts'
import type { Table, TableSpec } from './table.ts'
import { wasmTable } from './wasm-table.ts'

/** A bias and seven factors. */
const dimension = 8
const tasteFactors = 4
const exampleCount = 100_000
const batchSize = 100
const idsPerSide = 40_000
const zipfExponent = 1
const payloadBytes = dimension * 2 * 4
/** Most that a row takes beyond its payload; the test of the table's memory holds it to that. */
const beyondPayloadBytes = 40
const admissionCounters = 4096
const tableBytes = 4000 * payloadBytes
const hashedRows = tableBytes / payloadBytes
const collisionlessRows = Math.floor((tableBytes - 4 * admissionCounters) / (payloadBytes + beyondPayloadBytes))
/** Student's t with 4 degrees of freedom: 95 % between both ends. */
const fiveSeedsT = 2.776

const learning = {
  dimension,
  optimizer: { kind: 'adagrad', learningRate: 0.1, initialAccumulator: 0.1, epsilon: 1e-8 },
  initialScale: 0.05,
  seed: 1,
} as const
const collisionless: TableSpec = {
  ...learning,
  name: 'collisionless',
  rowsMax: collisionlessRows,
  admission: { occurrences: 2, counters: admissionCounters },
}
const hashed: TableSpec = { ...learning, name: 'hashed', rowsMax: hashedRows }

interface Stream {
  /** User and item of each example, by turns. */
  readonly ids: BigUint64Array
  readonly labels: Uint8Array
}

test('a collisionless table predicts planted tastes better than a hashed one of equal memory', (context) => {
  const differences = [1, 2, 3, 4, 5].map((seed) => {
    const stream = plantedStream(seed)
    const folded = { ...stream, ids: stream.ids.map((id) => 1n + (scattered(id) % BigInt(hashedRows))) }
    const [own, shared] = [progressiveAuc(wasmTable(collisionless), stream), progressiveAuc(wasmTable(hashed), folded)]
    context.diagnostic(`seed ${seed}: collisionless ${own.toFixed(4)}, hashed ${shared.toFixed(4)}`)
    return own - shared
  })
  const mean = differences.reduce((sum, each) => sum + each, 0) / differences.length
  const variance = differences.reduce((sum, each) => sum + (each - mean) ** 2, 0) / (differences.length - 1)
  const margin = fiveSeedsT * Math.sqrt(variance / differences.length)
  context.diagnostic(`difference in AUC: ${mean.toFixed(4)} +- ${margin.toFixed(4)}`)
  assert.ok(mean - margin > 0, `${mean} +- ${margin}`)
})

/** Every example is predicted before it is learned. */
function progressiveAuc(table: Table, { ids, labels }: Stream): number {
  const scores = new Float64Array(labels.length)
  const batch = new IdBatch()
  const rows = new Float32Array(2 * batchSize * dimension)
  const gradients = new Float32Array(rows.length)
  const times = new Float64Array(2 * batchSize)
  for (let start = 0; start < labels.length; start += batchSize) {
    batch.build(ids.subarray(2 * start), 2 * batchSize)
    table.pull(batch.uniqueIds, batch.uniqueCount, rows)
    gradients.fill(0)
    for (let index = 0; index < batchSize; index++) {
      const user = batch.index[2 * index]! * dimension
      const entry = batch.index[2 * index + 1]! * dimension
      const logit = logitOf(rows, user, entry)
      scores[start + index] = logit
      const error = 1 / (1 + Math.exp(-logit)) - labels[start + index]!
      gradients[user]! += error
      gradients[entry]! += error
      for (let factor = 1; factor < dimension; factor++) {
        gradients[user + factor]! += error * rows[entry + factor]!
        gradients[entry + factor]! += error * rows[user + factor]!
      }
    }
    table.push(batch.uniqueIds, batch.uniqueCount, gradients, times.fill(start), batch.occurrences)
  }
  return areaUnderCurve(scores, labels)
}

function logitOf(rows: Float32Array, user: number, entry: number): number {
  let logit = rows[user]! + rows[entry]!
  for (let factor = 1; factor < dimension; factor++) logit += rows[user + factor]! * rows[entry + factor]!
  return logit
}

/** Users and items both come by Zipf's law; the hot ones are as likely to meet in a hashed row as any. */
function plantedStream(seed: number): Stream {
  const uniform = uniformFrom(seed)
  const tastes = Float32Array.from({ length: 2 * idsPerSide * (tasteFactors + 1) }, () => normalOf(uniform))
  const cumulative = new Float64Array(idsPerSide)
  let total = 0
  for (let rank = 0; rank < idsPerSide; rank++) {
    total += (rank + 1) ** -zipfExponent
    cumulative[rank] = total
  }
  const ids = new BigUint64Array(2 * exampleCount)
  const labels = new Uint8Array(exampleCount)
  for (let index = 0; index < exampleCount; index++) {
    const user = firstAbove(cumulative, uniform() * total)
    const entry = idsPerSide + firstAbove(cumulative, uniform() * total)
    ids[2 * index] = BigInt(seed * 1_000_000 + user + 1)
    ids[2 * index + 1] = BigInt(seed * 1_000_000 + entry + 1)
    const [mine, its] = [user, entry].map((owner) => owner * (tasteFactors + 1)) as [number, number]
    let logit = 0.7 * (tastes[mine]! + tastes[its]!)
    for (let factor = 1; factor <= tasteFactors; factor++) logit += 0.7 * tastes[mine + factor]! * tastes[its + factor]!
    labels[index] = uniform() < 1 / (1 + Math.exp(-logit)) ? 1 : 0
  }
  return { ids, labels }
}

/** Chance that a liked example scores above a disliked one (Mann & Whitney 1947); scores hardly ever tie. */
function areaUnderCurve(scores: Float64Array, labels: Uint8Array): number {
  const order = Uint32Array.from(scores.keys()).sort((left, right) => scores[left]! - scores[right]!)
  let positives = 0
  let rankSum = 0
  for (const [rank, index] of order.entries()) {
    if (labels[index] === 0) continue
    positives++
    rankSum += rank + 1
  }
  return (rankSum - (positives * (positives + 1)) / 2) / (positives * (labels.length - positives))
}

function scattered(id: bigint): bigint {
  const mixed = BigInt.asUintN(64, (id ^ (id >> 31n)) * 0x9e3779b97f4a7c15n)
  return mixed ^ (mixed >> 32n)
}

function firstAbove(ascending: Float64Array, value: number): number {
  let low = 0
  let high = ascending.length - 1
  while (low < high) {
    const middle = (low + high) >> 1
    if (ascending[middle]! > value) high = middle
    else low = middle + 1
  }
  return low
}

/** Box and Muller (1958). */
function normalOf(uniform: () => number): number {
  return Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform())
}

/** In [0, 1): a Weyl sequence through a 32-bit mixer. */
function uniformFrom(seed: number): () => number {
  let state = Math.imul(seed, 0x85ebca6b)
  return () => {
    state = (state + 0x9e3779b9) | 0
    let x = Math.imul(state ^ (state >>> 16), 0x21f0aaad)
    x = Math.imul(x ^ (x >>> 15), 0x735a2d97)
    return ((x ^ (x >>> 15)) >>> 0) / 2 ** 32
  }
}
