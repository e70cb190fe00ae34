// Training steps beside the same model in PyTorch: 20 slots of 16 numbers, 16 dense values, hidden layers of 256, 128 and 64,
// AdaGrad throughout; both on one core, in CPU time, in rounds that alternate. DRIVER=node measures another driver of dense
// compute (kernels, wasm, node, node-gpu).
import { spawnSync } from 'node:child_process'
import { cpus } from 'node:os'
import { fileURLToPath } from 'node:url'
import { heads } from '../../schemas/labels.ts'
import { featureRow } from '../../schemas/layouts/feature-row.ts'
import { FreshetError } from '../../streams/runtime/errors.ts'
import { systemRuntime } from '../../streams/runtime/system-runtime.ts'
import { kernelDriver } from '../../trainers/model/network/kernel-arena.ts'
import type { ComputeDriver } from '../../trainers/model/network/matrix-arena.ts'
import { tensorBackends, tensorDriver } from '../../trainers/model/network/tensor-drivers.ts'
import { referenceVariants, startTrainReference, type TrainReference, type TrainWork } from './train-reference.ts'
import { type BenchBatch, benchModel, TrainStep } from './train-step.ts'

const pinnedFlag = '--pinned'
/** A few small slots, the others share the rest of a million rows. */
const slotRows = [24, 7, 15, 100, 100, 40, 12, 10, ...Array.from({ length: 12 }, () => 83_333)]
const rowsTotal = slotRows.reduce((sum, rows) => sum + rows, 0)
const examples = 40_960
const rounds = 5
/** Rows of one side's turn in a round. */
const rowsPerTurn = { 512: 20_480, 32: 3_200 } as const
type BatchRows = 512 | 32

/** Starts this file again on one core, with what it starts. False where there is no taskset. */
function runPinned(): boolean {
  const command = [process.execPath, ...process.execArgv, fileURLToPath(import.meta.url), pinnedFlag]
  const { error, status } = spawnSync('taskset', ['-c', String(cpus().length - 1), ...command], { stdio: 'inherit' })
  if (error) return false
  process.exitCode = status ?? 1
  return true
}

function seededRandom(): () => number {
  let state = 7
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) | 0
    return (state >>> 0) / 2 ** 32
  }
}

function workOf(random: () => number): TrainWork {
  const starts = slotRows.map((_, slot) => slotRows.slice(0, slot).reduce((sum, rows) => sum + rows, 0))
  const { slots, dimension, dense } = benchModel
  return {
    header: Int32Array.of(slots, dimension, dense, heads.length, rowsTotal, examples),
    ids: BigInt64Array.from({ length: examples * slots }, (_, at) => {
      return BigInt(starts[at % slots]! + Math.floor(random() * slotRows[at % slots]!))
    }),
    dense: Float32Array.from({ length: examples * dense }, () => 2 * random() - 1),
    labels: Float32Array.from({ length: examples * heads.length }, () => Number(random() < 0.3)),
  }
}

/** The work in batches of the trainer's rows. */
function batchesOf(work: TrainWork, batchRows: number): BenchBatch[] {
  const { slots, dense } = benchModel
  const none = featureRow(new BigUint64Array(0), new Float32Array(0))
  return Array.from({ length: Math.floor(examples / batchRows) }, (_, batch) => {
    const rows = Array.from({ length: batchRows }, (__, index) => {
      const row = batch * batchRows + index
      // Id 0 means absent.
      const ids = BigUint64Array.from(work.ids.subarray(row * slots, (row + 1) * slots), (id) => id + 1n)
      return { query: none, entry: featureRow(ids, work.dense.subarray(row * dense, (row + 1) * dense)) }
    })
    const [from, to] = [batch * batchRows * heads.length, (batch + 1) * batchRows * heads.length]
    const after = work.labels.subarray(from, to)
    const before = new Float32Array(after.length).fill(Number.NaN)
    return { rows, labels: { after, before, weights: new Float32Array(batchRows).fill(1) } }
  })
}

/** Of all threads of this process. */
function cpuSeconds(): number {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1e6
}

interface Measured {
  readonly rowsPerSecond: number
  readonly reference: { readonly variant: string; readonly rowsPerSecond: number } | null
  readonly ratio: number | null
  readonly partsMs: Readonly<Record<string, number>>
}

/** The median round counts, for both; of the reference's variants the faster one. */
async function measure(
  step: TrainStep,
  batches: readonly BenchBatch[],
  batchRows: BatchRows,
  reference: TrainReference | null,
): Promise<Measured> {
  const steps = rowsPerTurn[batchRows] / batchRows
  const turn = () => {
    const start = cpuSeconds()
    for (let index = 0; index < steps; index++) step.run(batches[index % batches.length]!)
    return (steps * batchRows) / (cpuSeconds() - start)
  }
  const referenceTurn = async (variant: (typeof referenceVariants)[number]) => {
    return (steps * batchRows) / (await reference!.cpuSeconds(variant, batchRows, steps))
  }
  turn()
  if (reference) for (const variant of referenceVariants) await referenceTurn(variant)
  const own: number[] = []
  const others = new Map(referenceVariants.map((variant): [string, number[]] => [variant, []]))
  for (let round = 0; round < rounds; round++) {
    own.push(turn())
    if (reference) for (const variant of referenceVariants) others.get(variant)!.push(await referenceTurn(variant))
  }
  const rowsPerSecond = Math.round(median(own))
  const partsMs = measureParts(step, batches)
  if (!reference) return { rowsPerSecond, reference: null, ratio: null, partsMs }
  const medians = [...others].map(([variant, rates]) => ({ variant, rowsPerSecond: Math.round(median(rates)) }))
  const fastest = medians.reduce((best, other) => (other.rowsPerSecond > best.rowsPerSecond ? other : best))
  return { rowsPerSecond, reference: fastest, ratio: rowsPerSecond / fastest.rowsPerSecond, partsMs }
}

/** Median milliseconds of each part of a step, by the clock on the wall. */
function measureParts(step: TrainStep, batches: readonly BenchBatch[]): Record<string, number> {
  const { clock } = systemRuntime
  const tookMs: Record<'pull' | 'forward' | 'backward' | 'push', number[]> = {
    pull: [],
    forward: [],
    backward: [],
    push: [],
  }
  for (const batch of batches.slice(0, 60)) {
    for (const part of ['pull', 'forward', 'backward', 'push'] as const) {
      const start = clock.monotonicMs()
      step[part](batch)
      tookMs[part].push(clock.monotonicMs() - start)
    }
  }
  return Object.fromEntries(Object.entries(tookMs).map(([part, times]) => [part, Number(median(times).toFixed(3))]))
}

function median(values: readonly number[]): number {
  return [...values].sort((left, right) => left - right)[Math.floor(values.length / 2)]!
}

async function driverOf(name: string): Promise<ComputeDriver> {
  if (name === kernelDriver.name) return kernelDriver
  const backend = tensorBackends.find((own) => own === name)
  const known = [kernelDriver.name, ...tensorBackends].join(', ')
  if (!backend) throw new FreshetError('usage', `DRIVER=${name} is no driver; name one of ${known}`)
  return tensorDriver(backend)
}

async function run(pinned: boolean): Promise<void> {
  const random = seededRandom()
  const work = workOf(random)
  const driver = await driverOf(process.env.DRIVER ?? kernelDriver.name)
  const step = new TrainStep(driver, 2 * rowsTotal, random)
  const reference = await startTrainReference(work)
  const large = await measure(step, batchesOf(work, 512), 512, reference)
  const small = await measure(step, batchesOf(work, 32), 32, reference)
  reference?.end()
  const ratio = reference ? { batch512: large.ratio, batch32: small.ratio } : null
  const result = {
    bench: 'train',
    work: '20 slots x 16, 16 dense, 256-128-64, 10 heads, AdaGrad, a million rows, uniform ids; CPU time, one core',
    driver: driver.name,
    rowsPerSecond: { batch512: large.rowsPerSecond, batch32: small.rowsPerSecond },
    ratio,
    ...(reference
      ? {}
      : { ratioMissing: 'there is no PyTorch to compare with: run `make references`, then this again' }),
    batch512: large,
    batch32: small,
    machine: { processor: cpus()[0]?.model, cores: cpus().length, node: process.version, pinned },
  }
  process.stdout.write(`${JSON.stringify(result, undefined, 2)}\n`)
}

if (process.argv.includes(pinnedFlag)) await run(true)
else if (!runPinned()) await run(false)
