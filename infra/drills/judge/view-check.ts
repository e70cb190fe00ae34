// Whether a view that follows the deltas of the log ends with the rows that the owners hold, rounded as they travel.
import { decode } from '../../../schemas/codec.ts'
import { deltasOf } from '../../../schemas/topics.ts'
import type { ModelSpec } from '../../../trainers/model/model-spec.ts'
import { replica } from '../../../trainers/model/replica.ts'
import { decodeSections, sectionOf } from '../../../trainers/model/sections.ts'
import { decodeSnapshot } from '../../../trainers/model/snapshot.ts'
import { readTableDump } from '../../../trainers/table/table-dump.ts'
import { wasmTable } from '../../../trainers/table/wasm-table.ts'
import { type Finding, FindingBuilder } from './finding.ts'
import type { LogContents } from './log-reader.ts'

/** `stateByBucket`: state of each owner when everything it had folded was published. */
export function viewCheck(contents: LogContents, spec: ModelSpec, stateByBucket: readonly Uint8Array[]): Finding {
  const found = new FindingBuilder(`a view of ${spec.model} holds its owners' rows`)
  const buckets = stateByBucket.length
  const follower = replica(spec, wasmTable, { buckets })
  const owner = replica(spec, wasmTable, { buckets })
  for (let bucket = 0; bucket < buckets; bucket++) {
    for (const { value, offset } of contents.of(deltasOf(spec.model), bucket)) {
      const delta = value && decode(value)
      if (delta?.type !== 'Delta') continue
      if (follower.apply(delta) === 'gap') found.differs(`delta ${offset} of bucket ${bucket} leaves a gap`)
    }
    const shard = sectionOf(decodeSections(stateByBucket[bucket]!), 'shard')
    owner.load(bucket, shard)
    for (const table of spec.tables) {
      const { ids } = readTableDump(table, decodeSnapshot(spec, shard).dumpByTable.get(table.name)!)
      if (ids.length === 0) continue
      const [left, right] = [follower, owner].map((parameters) => {
        const out = new Float32Array(ids.length * table.dimension)
        parameters.rows(table.name, bucket).pull(ids, ids.length, out)
        return out
      })
      found.compared += ids.length
      const unlike = left!.findIndex((value, index) => !Object.is(value, right![index]))
      if (unlike >= 0)
        found.differs(`row ${ids[Math.floor(unlike / table.dimension)]} of ${table.name}/${bucket} differs`)
    }
  }
  for (const [name, { values }] of owner.dense) {
    found.compared++
    const followed = follower.dense.get(name)
    // A tensor that never changed since the start is not in the deltas.
    if (followed && Buffer.compare(bytesOf(followed.values), bytesOf(values)) !== 0)
      found.differs(`tensor ${name} differs`)
  }
  return found.finding()
}

function bytesOf(values: Float32Array): Uint8Array {
  return new Uint8Array(values.buffer, values.byteOffset, values.byteLength)
}
