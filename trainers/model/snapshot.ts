// A parameter shard's snapshot: table dumps, dense tensors, optimizer state and the version they stand for, as named
// sections. The shard writes it; shards and replicas read it.
import { checksum } from '../../schemas/ids.ts'
import { decodeFloats } from '../../schemas/layouts/floats.ts'
import type { DenseParameter } from './model.ts'
import type { ModelSpec } from './model-spec.ts'
import {
  type ByteStream,
  decodeSections,
  joined,
  type Section,
  type Sections,
  sectionOf,
  streamSections,
} from './sections.ts'

export interface SnapshotFacts {
  readonly model: string
  /** Fingerprint of the spec. */
  readonly spec: string
  readonly bucket: number
  /** Only in dumps of replicas: states that are equal are equal whoever owns them. An owner's is in SnapshotTaken. */
  readonly epoch?: number
  /** Version of the newest delta taken. */
  readonly version: number
  /** Sync intervals passed. */
  readonly syncs: number
  /** Rollbacks behind this state; 0 where a snapshot does not say. */
  readonly lineage?: number
}

export interface Snapshot {
  readonly facts: SnapshotFacts
  readonly dumpByTable: ReadonlyMap<string, Uint8Array>
  readonly dense: ReadonlyMap<string, DenseParameter>
  /** Dense optimizer state by tensor name. */
  readonly accumulators: ReadonlyMap<string, Float32Array>
  /** Further state of the owner, by name. */
  readonly state: ReadonlyMap<string, Uint8Array>
}

export function specFingerprint(spec: ModelSpec): string {
  return checksum(new TextEncoder().encode(JSON.stringify(spec)))
}

/** What a snapshot is written from: large parts may be made while they are written. */
export interface SnapshotSource {
  readonly facts: SnapshotFacts
  readonly dumpByTable: ReadonlyMap<string, Section>
  readonly dense: ReadonlyMap<string, DenseParameter>
  readonly accumulators: ReadonlyMap<string, Float32Array>
  readonly state: ReadonlyMap<string, Section>
}

export function encodeSnapshot(snapshot: SnapshotSource): Uint8Array {
  return joined(streamSnapshot(snapshot))
}

/** The bytes of encodeSnapshot, made while they are taken. */
export function streamSnapshot(snapshot: SnapshotSource): ByteStream {
  const sections = new Map<string, Section>()
  for (const [name, dump] of snapshot.dumpByTable) sections.set(`table/${name}`, dump)
  for (const [name, { values }] of snapshot.dense) sections.set(`dense/${name}`, values)
  for (const [name, values] of snapshot.accumulators) sections.set(`accumulator/${name}`, values)
  for (const [name, bytes] of snapshot.state) sections.set(`state/${name}`, bytes)
  const shapes = [...snapshot.dense.values()].map(({ name, shape }) => [name, shape])
  return streamSections({ ...snapshot.facts, shapes }, sections)
}

/** Throws RangeError on a snapshot of another spec, a damaged one or one without the tables asked for (by default all of
 *  the spec). Arrays may be views of `bytes`. */
export function decodeSnapshot(
  spec: ModelSpec,
  bytes: Uint8Array,
  tableNames: readonly string[] = spec.tables.map(({ name }) => name),
): Snapshot {
  const sections = decodeSections(bytes)
  const { shapes, ...facts } = sections.facts as unknown as SnapshotFacts & {
    readonly shapes: readonly (readonly [string, readonly number[]])[]
  }
  const fingerprint = specFingerprint(spec)
  if (facts.model !== spec.model || facts.spec !== fingerprint) {
    throw new RangeError(`snapshot of ${facts.model} ${facts.spec}, expected ${spec.model} ${fingerprint}`)
  }
  const dense = shapes.map(([name, shape]): [string, DenseParameter] => {
    const values = decodeFloats(sectionOf(sections, `dense/${name}`))
    const size = shape.reduce((all, axis) => all * axis, 1)
    if (values.length !== size)
      throw new RangeError(`dense tensor ${name} of ${values.length} values, expected ${size}`)
    return [name, { name, shape, values }]
  })
  return {
    facts,
    dumpByTable: new Map(tableNames.map((name) => [name, sectionOf(sections, `table/${name}`)])),
    dense: new Map(dense),
    accumulators: new Map([...startingWith(sections, 'accumulator/')].map(([name, at]) => [name, decodeFloats(at)])),
    state: startingWith(sections, 'state/'),
  }
}

function startingWith({ sectionByName }: Sections, prefix: string): Map<string, Uint8Array> {
  const own = [...sectionByName].filter(([name]) => name.startsWith(prefix))
  return new Map(own.map(([name, bytes]) => [name.slice(prefix.length), bytes]))
}
