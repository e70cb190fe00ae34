// Every setting of a process: its type, range and default. Nothing is read from anywhere else.
import { join } from 'node:path'
import { type Static, Type } from 'typebox'
import { defaultLimits } from '../../serving/gateway/route-context.ts'
import { projectRoot } from '../build/tree.ts'

const closed = { additionalProperties: false } as const
const milliseconds = (minimum: number, maximum: number) => Type.Integer({ minimum, maximum })
const count = (minimum: number, maximum: number) => Type.Integer({ minimum, maximum })
const text = Type.String({ minLength: 1 })

export const configSchema = Type.Object(
  {
    /** Where the process keeps its log, snapshots and blobs. Relative to the working directory. */
    dataDir: text,
    gateway: Type.Object(
      {
        host: text,
        /** 0: one that is free. */
        port: Type.Integer({ minimum: 0, maximum: 65_535 }),
        /** Origins of pages elsewhere that may call, e.g. https://app.example. */
        allowedOrigins: Type.Array(text),
      },
      closed,
    ),
    auth: Type.Object(
      {
        mode: Type.Union([Type.Literal('none'), Type.Literal('jwt')]),
        jwt: Type.Object(
          {
            algorithm: Type.Union([Type.Literal('HS256'), Type.Literal('RS256')]),
            /** HS256: the shared secret, at least 32 bytes. RS256: the public key as PEM (SPKI). Empty: none. */
            key: Type.String(),
            /** Empty: any. */
            issuer: Type.String(),
            /** Empty: any. */
            audience: Type.String(),
          },
          closed,
        ),
      },
      closed,
    ),
    log: Type.Object(
      {
        driver: Type.Union([Type.Literal('embedded'), Type.Literal('kafka')]),
        /** host:port of Kafka brokers. */
        brokers: Type.Array(text),
        /** Of the topics that follow the user; fixed when they are created. */
        partitions: count(1, 4_096),
      },
      closed,
    ),
    kafka: Type.Object(
      {
        /** Copies of each partition; fixed when a topic is created. */
        replicationFactor: count(1, 15),
        /** How long a process may be silent before others take over what it owns. */
        sessionTimeoutMs: milliseconds(1_000, 600_000),
      },
      closed,
    ),
    /** How processes of one deployment call each other: parameter shards and serving shards answer there. */
    rpc: Type.Object(
      {
        host: text,
        /** 0: one that is free. Of a process that both serves and owns parameters, serving has it; the other takes a free one. */
        port: Type.Integer({ minimum: 0, maximum: 65_535 }),
        /** What other processes call this one by; empty: `rpc.host`. */
        advertisedHost: Type.String(),
      },
      closed,
    ),
    /** Where a process without a gateway answers /metrics and /healthz; a gateway answers them itself. */
    metrics: Type.Object(
      {
        host: text,
        /** 0: one that is free, told when the process is ready. */
        port: Type.Integer({ minimum: 0, maximum: 65_535 }),
      },
      closed,
    ),
    blobs: Type.Object(
      {
        /** Snapshots and checkpoints, shared by every process of a deployment. Empty: in `dataDir`. */
        folder: Type.String(),
      },
      closed,
    ),
    learning: Type.Object(
      {
        /** lockstep: one thread learns from one partition. distributed: joiners, counters, trainers and parameter shards are
         *  processes of their own on Kafka. */
        mode: Type.Union([Type.Literal('lockstep'), Type.Literal('distributed')]),
        /** Of the model, the dense one included; counts have one less. Fixed when the topics are created; lockstep has one. */
        buckets: count(2, 1_024),
      },
      closed,
    ),
    joiner: Type.Object(
      {
        /** Share of the entries of which nothing came that become examples; the kept weigh 1 / share. 1 keeps all. */
        negativeShare: Type.Number({ minimum: 0.001, maximum: 1 }),
      },
      closed,
    ),
    model: Type.Object(
      {
        /** Path of a model spec; empty: the one that comes with the project. */
        spec: Type.String(),
        /** Names of features that are neither frozen nor learned; one * stands for any letters. */
        excludedFeatures: Type.Array(text),
      },
      closed,
    ),
    /** How long the retrieval towers stand still before the catalog is encoded anew. */
    generationMs: milliseconds(1_000, 86_400_000),
    /** How often changed rows are published to serving. */
    syncIntervalMs: milliseconds(10, 3_600_000),
    ticks: Type.Object(
      {
        /** Event-time pulse of a partition that has had records since the last one. */
        activeMs: milliseconds(10, 60_000),
        /** Pulse of one that has not. */
        idleMs: milliseconds(10, 600_000),
      },
      closed,
    ),
    checkpointIntervalMs: milliseconds(100, 86_400_000),
    serving: Type.Object(
      {
        /** Worker threads that answer feed requests, each with a view of its own. */
        shards: count(1, 64),
        /** host:port of the serving processes that a gateway without shards of its own asks. */
        peers: Type.Array(text),
        /** shared: serving processes share out the users. all: this one holds every user, so that it can stand in for another. */
        partitions: Type.Union([Type.Literal('shared'), Type.Literal('all')]),
      },
      closed,
    ),
    limits: Type.Object(
      {
        /** How long a page waits for its record to be durable before it goes out flagged. */
        servedDeadlineMs: milliseconds(1, 10_000),
        shardDeadlineMs: milliseconds(10, 60_000),
        appendDeadlineMs: milliseconds(10, 120_000),
        feedsInFlightMax: count(1, 100_000),
        appendsInFlightMax: count(1, 100_000),
        /** Open WebSockets. */
        streamsMax: count(0, 1_000_000),
      },
      closed,
    ),
  },
  closed,
)

type DeepReadonly<T> = T extends readonly (infer Element)[]
  ? readonly DeepReadonly<Element>[]
  : T extends object
    ? { readonly [Key in keyof T]: DeepReadonly<T[Key]> }
    : T
export type Config = DeepReadonly<Static<typeof configSchema>>

export const defaultConfig: Config = {
  dataDir: join(projectRoot, '.data'),
  gateway: { host: '127.0.0.1', port: 8080, allowedOrigins: [] },
  auth: { mode: 'none', jwt: { algorithm: 'HS256', key: '', issuer: '', audience: '' } },
  log: { driver: 'embedded', brokers: [], partitions: 1 },
  kafka: { replicationFactor: 1, sessionTimeoutMs: 10_000 },
  rpc: { host: '127.0.0.1', port: 0, advertisedHost: '' },
  metrics: { host: '127.0.0.1', port: 0 },
  blobs: { folder: '' },
  learning: { mode: 'lockstep', buckets: 5 },
  joiner: { negativeShare: 1 },
  model: { spec: '', excludedFeatures: [] },
  generationMs: 60_000,
  syncIntervalMs: 100,
  ticks: { activeMs: 100, idleMs: 1_000 },
  checkpointIntervalMs: 120_000,
  serving: { shards: 1, peers: [], partitions: 'shared' },
  limits: {
    servedDeadlineMs: defaultLimits.servedDeadlineMs,
    shardDeadlineMs: defaultLimits.shardDeadlineMs,
    appendDeadlineMs: defaultLimits.appendDeadlineMs,
    feedsInFlightMax: defaultLimits.feedsInFlightMax,
    appendsInFlightMax: defaultLimits.appendsInFlightMax,
    streamsMax: defaultLimits.streamsMax,
  },
}

/** Settings that are never printed. */
export const secretKeys: readonly string[] = ['auth.jwt.key']
