// Every driver of dense compute passes one suite; whole networks agree between drivers; own kernels give a row the same bytes
// alone and among others, and reuse their memory.
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { heads } from '../../../schemas/labels.ts'
import type { FreshetError } from '../../../streams/runtime/errors.ts'
import { initialDense } from '../initial-parameters.ts'
import { modelLayout } from '../model-layout.ts'
import { rankerNetwork } from '../ranker.ts'
import { sampleFeatures, sampleSpec } from '../sample-features.ts'
import { arenaSuite } from './arena.suite.ts'
import { denseNetwork } from './dense-network.ts'
import { kernelDriver } from './kernel-arena.ts'
import { kernelUsage } from './kernel-memory.ts'
import type { ComputeDriver } from './matrix-arena.ts'
import { tensorBackends, tensorDriver } from './tensor-drivers.ts'

/** Of single operations, and of a network's outputs and gradients relative to the largest of each. */
const tolerance = 2e-5
const networkTolerance = 1e-4

const layout = modelLayout(sampleSpec, sampleFeatures)
const initial = initialDense(sampleSpec, layout)
const { query, entry } = layout.ranker

function waves(count: number, step: number): Float32Array {
  return Float32Array.from({ length: count }, (_, index) => Math.sin(index * step))
}

function rankerOn(driver: ComputeDriver) {
  const spec = rankerNetwork(sampleSpec.ranker!, layout.ranker)
  return denseNetwork({ driver, spec, dense: initial, initial })
}

describe('kernels', () => {
  arenaSuite(async () => kernelDriver, { tolerance })

  test('every tier of the compiler gives the same bytes', () => {
    const script = join(import.meta.dirname, 'product-checksum.ts')
    const checksumWith = (flag: string) => execFileSync(process.execPath, [flag, script], { encoding: 'utf8' })
    const baseline = checksumWith('--liftoff-only')
    assert.match(baseline, /^[0-9a-f]{16}$/)
    assert.equal(checksumWith('--no-liftoff'), baseline)
  })

  test('a row scores the same bytes alone and among others', () => {
    const network = rankerOn(kernelDriver)
    const inputs = [waves(query.columns, 0.7), waves(37 * entry.columns, 0.3)]
    const all = network.forward(inputs, 37)[0]!.slice()
    for (const row of [0, 3, 18, 36]) {
      const own = inputs[1]!.slice(row * entry.columns, (row + 1) * entry.columns)
      const alone = network.forward([inputs[0]!, own], 1)[0]!
      assert.deepEqual(alone.slice(), all.slice(row * heads.length, (row + 1) * heads.length))
    }
    network.dispose()
  })

  test('memory that was given back serves the next network, and a batch takes no more than the one before', () => {
    const first = rankerOn(kernelDriver)
    const inputs = [waves(300 * query.columns, 0.7), waves(300 * entry.columns, 0.3)]
    first.forward(inputs, 300)
    first.backward([waves(300 * heads.length, 0.1)])
    const held = kernelUsage()
    for (let round = 0; round < 3; round++) {
      first.forward(inputs, 300)
      first.backward([waves(300 * heads.length, 0.1)])
    }
    assert.deepEqual(kernelUsage(), held)
    first.dispose()
    const second = rankerOn(kernelDriver)
    assert.deepEqual(kernelUsage(), held)
    second.dispose()
  })
})

for (const backend of tensorBackends) {
  const absence = await absenceOf(backend)
  if (absence) {
    test(`tensorflow-${backend}, which is not installed, says where to read how`, () => {
      assert.equal(absence.code, 'engine-missing')
      assert.match(absence.message, /network\/README\.md/)
    })
    continue
  }
  describe(`tensorflow-${backend}`, () => {
    arenaSuite(() => tensorDriver(backend), { tolerance })

    test('a network gives what it gives by own kernels', async () => {
      const [own, other] = [rankerOn(kernelDriver), rankerOn(await tensorDriver(backend))]
      const inputs = [waves(33 * query.columns, 0.7), waves(33 * entry.columns, 0.3)]
      near('logits', other.forward(inputs, 33)[0]!, own.forward(inputs, 33)[0]!)
      const above = waves(33 * heads.length, 0.1)
      const [want, found] = [own.backward([above]), other.backward([above])]
      for (const [index, gradient] of want.inputs.entries()) near(`input ${index}`, found.inputs[index]!, gradient)
      for (const [name, gradient] of want.dense) near(name, found.dense.get(name)!, gradient)
      own.dispose()
      other.dispose()
    })
  })
}

async function absenceOf(backend: (typeof tensorBackends)[number]): Promise<FreshetError | null> {
  return tensorDriver(backend).then(
    () => null,
    (error: FreshetError) => error,
  )
}

function near(what: string, found: Float32Array, want: Float32Array): void {
  const largest = want.reduce((most, value) => Math.max(most, Math.abs(value)), 1e-6)
  assert.equal(found.length, want.length)
  for (const [index, value] of want.entries()) {
    const off = Math.abs(found[index]! - value) / largest
    assert.ok(off <= networkTolerance, `${what}: ${found[index]}, not ${value}`)
  }
}
