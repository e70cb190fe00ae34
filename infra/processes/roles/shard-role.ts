// A parameter shard: owns the buckets of the model and of the counts that its groups are given, folds their gradients,
// answers pulls, and says in the log that it does. Each claim has an epoch above those of all owners before.
import { countsModel, gradientsOf } from '../../../schemas/topics.ts'
import { partitionOf } from '../../../streams/log/log.ts'
import { type ProcessorGroup, processorGroup } from '../../../streams/processor/processor-group.ts'
import { retrying } from '../../../streams/processor/retry.ts'
import { runTicker } from '../../../streams/processor/ticker.ts'
import { grpcRpcServer } from '../../../streams/rpc/grpc-rpc.ts'
import type { RpcMethod } from '../../../streams/rpc/rpc.ts'
import { countsSpec } from '../../../trainers/model/shipped-specs.ts'
import { claimBucket } from '../../../trainers/parameter-server/bucket-claims.ts'
import { PullMeter } from '../../../trainers/parameter-server/pull-counts.ts'
import { type PulledShard, pullMethods } from '../../../trainers/parameter-server/pull-server.ts'
import { rollbacksOf } from '../../../trainers/parameter-server/rollbacks.ts'
import type { ShardProcessor } from '../../../trainers/parameter-server/shard-processor.ts'
import { advertised } from '../advertised.ts'
import { modelRollbacks } from '../model-rollbacks.ts'
import { markLags, ownedBuckets, ownerMetrics } from '../owner-metrics.ts'
import { type BucketStatus, shardStatusMethod } from '../owner-status.ts'
import { checkpointsKept, ownedBucket, ownerGroup } from '../parameter-folds.ts'
import { restartAfterRollback } from '../restart-after-rollback.ts'
import { readGauge } from '../role-metrics.ts'
import { groupSettings, type RolePlace, type RunningRole } from '../running-role.ts'
import { announceFor } from '../snapshot-announcements.ts'

export async function shardRole(place: RolePlace): Promise<RunningRole> {
  const { config, setup, log, runtime, registry, rpcPort } = place
  const models = [setup.spec.model, countsModel]
  const groups = new Map<string, ProcessorGroup>()
  const meter = new PullMeter()
  const server = await grpcRpcServer({
    host: config.rpc.host,
    port: rpcPort,
    runtime,
    methods: {
      ...metered(meter, runtime, {
        ...pullMethods({ spec: setup.spec, ownedBy: (bucket) => ownedBy(groups.get(setup.spec.model), bucket) }),
        ...pullMethods({ spec: countsSpec, ownedBy: (bucket) => ownedBy(groups.get(countsModel), bucket) }),
      }),
      [shardStatusMethod]: async () => new TextEncoder().encode(JSON.stringify(statuses())),
    },
  })
  const address = advertised(config, server.address)
  const rollbacks = await modelRollbacks({ log, runtime, onRollback: restartAfterRollback(groups) })

  async function join(model: string): Promise<void> {
    const topic = gradientsOf(model)
    const announce = announceFor(place, model, topic)
    const group = await processorGroup({
      ...groupSettings(place),
      checkpointsKept,
      group: ownerGroup(config, model),
      topic,
      sharedInput: true,
      async makeProcessor(bucket, signal) {
        const claim = () => claimBucket({ log, runtime, model, bucket, address })
        const epoch = await retrying(runtime, signal, claim)
        const undone = rollbacksOf(rollbacks.records, model, topic, bucket)
        return announce.owned(bucket, epoch, ownedBucket(config, setup, model, bucket, { epoch, rollbacks: undone }))
      },
      onCheckpoint: (bucket, taken) => announce.taken(bucket, taken),
      // Whoever owns the bucket lets time pass in it.
      beside: (bucket, signal) =>
        runTicker(
          {
            log,
            runtime,
            position: { topic, partition: bucket },
            activeEveryMs: config.ticks.activeMs,
            idleEveryMs: config.ticks.idleMs,
          },
          signal,
        ),
    })
    groups.set(model, group)
    ownerMetrics(registry, model, group)
  }

  const states = () => [...groups].flatMap(([model, group]) => ownedBuckets(model, group))
  const statuses = (): BucketStatus[] => states().map(({ tables: _, fold: __, ...status }) => status)
  await Promise.all(models.map(join))
  readGauge(
    registry,
    'shard_mark_lag',
    'Examples not folded yet, those that touch none of its rows included',
    ['model', 'bucket'],
    async () => {
      const lags = await markLags(log, states(), config.log.partitions)
      return lags.map(({ model, bucket, lag }) => ({ labels: { model, bucket: String(bucket) }, value: lag }))
    },
  )
  pullGauges(place, meter)
  const owners = [...groups.values()]
  return {
    rpc: address,
    progress: () => owners.flatMap((group) => group.progress()),
    ended: Promise.race(owners.map((group) => group.ended)),
    async stop() {
      await rollbacks.close()
      await Promise.all(owners.map((group) => group.stop()))
      await server.close()
    },
  }
}

/** Null while the bucket's state is being restored. */
function ownedBy(group: ProcessorGroup | undefined, bucket: number): PulledShard | null {
  return (group?.processorOf(partitionOf(bucket)) ?? null) as ShardProcessor | null
}

function metered(
  meter: PullMeter,
  { clock }: RolePlace['runtime'],
  methods: Readonly<Record<string, RpcMethod>>,
): Record<string, RpcMethod> {
  const wrap =
    (method: RpcMethod): RpcMethod =>
    async (request, call) => {
      const startedMs = clock.monotonicMs()
      meter.calls++
      meter.bytesReceived += request.byteLength
      const response = await method(request, call)
      meter.bytesSent += response.byteLength
      meter.answered(clock.monotonicMs() - startedMs)
      return response
    }
  return Object.fromEntries(Object.entries(methods).map(([name, method]) => [name, wrap(method)]))
}

function pullGauges({ registry }: RolePlace, meter: PullMeter): void {
  const told = (name: string, help: string, read: () => number): void =>
    readGauge(registry, `pull_${name}`, help, [], () => [{ labels: {}, value: read() }])
  told('calls_total', 'Pulls that were asked here, refused ones included', () => meter.counts().calls)
  told('sent_bytes_total', 'Bytes of rows that were sent', () => meter.counts().bytesSent)
  told('latency_p50_seconds', 'Median of the newest pulls', () => meter.counts().latencyMs.p50 / 1_000)
  told('latency_p99_seconds', '99th percentile of the newest pulls', () => meter.counts().latencyMs.p99 / 1_000)
}
