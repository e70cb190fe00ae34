// How long a pull of a trainer's batch takes from an owner in another process of this machine, one at a time and several at
// once, beside the same pull of a table in this process. One JSON object.
import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { grpcRpcClient, grpcRpcServer } from '../../streams/rpc/grpc-rpc.ts'
import { seededRandom } from '../../streams/runtime/simulated-runtime.ts'
import { systemRuntime as runtime } from '../../streams/runtime/system-runtime.ts'
import type { ModelTableSpec } from '../model/model-spec.ts'
import type { Table } from '../table/table.ts'
import { wasmTable } from '../table/wasm-table.ts'
import type { RowPull } from './parameter-client.ts'
import { parameterClient } from './pull-client.ts'
import { pullMethods } from './pull-server.ts'

const dimension = 16
const idsPerPull = 5_000
const rows = 500_000
const warmUpMs = 1_500
const measuredMs = 5_000
const atOnce = 4

const table: ModelTableSpec = {
  name: 'rows',
  side: 'item',
  dimension,
  optimizer: { kind: 'adagrad', learningRate: 0.05, initialAccumulator: 1e-5, epsilon: 1e-8 },
  initialScale: 0.01,
  seed: 1,
  rowsMax: rows,
}
const spec = { model: 'bench', tables: [table] }

function filledTable(): Table {
  const { side: _, ...own } = table
  const filled = wasmTable(own)
  const count = 1_000
  for (let first = 1; first <= rows; first += count) {
    const ids = BigUint64Array.from({ length: count }, (_id, index) => BigInt(first + index))
    filled.push(ids, count, new Float32Array(count * dimension).fill(0.1), new Float64Array(count).fill(1))
  }
  return filled
}

async function serve(): Promise<void> {
  const tables = new Map([[table.name, filledTable()]])
  const shard = { tables, dense: new Map(), denseVersion: 0, markOf: () => 0 }
  const methods = pullMethods({ spec, ownedBy: () => shard })
  const server = await grpcRpcServer({ host: '127.0.0.1', port: 0, methods, runtime })
  console.log(server.address)
}

/** Draws from the whole table, so that rows come from memory rather than from a cache. */
function pullsOf(count: number): RowPull[] {
  const random = seededRandom(3)
  return Array.from({ length: count }, () => ({
    bucket: 0,
    table: table.name,
    ids: BigUint64Array.from({ length: idsPerPull }, () => BigInt(1 + Math.floor(random() * rows))),
    out: new Float32Array(idsPerPull * dimension),
  }))
}

/** Pulls for so long, `lanes` at once. Gives what each pull took, ascending. */
async function timed(pull: (own: RowPull) => unknown, lanes: number, forMs: number): Promise<Float64Array> {
  const pulls = pullsOf(64)
  const tookMs: number[] = []
  const endMs = runtime.clock.monotonicMs() + forMs
  const lane = async (number: number) => {
    for (let round = number; runtime.clock.monotonicMs() < endMs; round += lanes) {
      const startMs = runtime.clock.monotonicMs()
      await pull(pulls[round % pulls.length]!)
      tookMs.push(runtime.clock.monotonicMs() - startMs)
    }
  }
  await Promise.all(Array.from({ length: lanes }, (_, number) => lane(number)))
  return Float64Array.from(tookMs).sort()
}

function ratesOf(tookMs: Float64Array, forMs: number) {
  const at = (share: number) => Number(tookMs[Math.floor(share * (tookMs.length - 1))]!.toFixed(3))
  const pullsPerSecond = Math.round((tookMs.length * 1_000) / forMs)
  return { pullsPerSecond, rowsPerSecond: pullsPerSecond * idsPerPull, latencyMs: { p50: at(0.5), p99: at(0.99) } }
}

async function measure(): Promise<void> {
  const owner = spawn(process.execPath, [fileURLToPath(import.meta.url), 'owner'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const lines = createInterface({ input: owner.stdout })[Symbol.asyncIterator]()
  const address = String((await lines.next()).value)
  const routes = { ownerOf: () => ({ address, epoch: 0 }), claimAfter: () => new Promise<never>(() => {}) }
  const makeClient = () => grpcRpcClient({ address, runtime })
  const client = parameterClient({ spec, denseBucket: null, routes, makeClient, runtime, deadlineMs: 10_000 })
  const endless = new AbortController().signal
  const remote = (pull: RowPull) => client.pull(0, [pull], endless)
  await timed(remote, atOnce, warmUpMs)
  const one = ratesOf(await timed(remote, 1, measuredMs), measuredMs)
  const several = ratesOf(await timed(remote, atOnce, measuredMs), measuredMs)
  const { retries } = client.counts()
  await client.close()
  owner.kill()

  const own = filledTable()
  const direct = (pull: RowPull) => own.pull(pull.ids, idsPerPull, pull.out)
  await timed(direct, 1, warmUpMs / 2)
  const local = ratesOf(await timed(direct, 1, measuredMs / 2), measuredMs / 2)
  const work = `${idsPerPull} ids of ${dimension} floats a pull, drawn from ${rows} rows of another process over loopback`
  const ratio = Number((one.rowsPerSecond / local.rowsPerSecond).toFixed(4))
  console.log(
    JSON.stringify({
      bench: 'pull',
      node: process.version,
      work,
      ...one,
      [`atOnce${atOnce}`]: several,
      retries,
      local,
      ratio,
    }),
  )
}

await (process.argv[2] === 'owner' ? serve() : measure())
