// The trainer of the example partitions that this process is given: pulls rows from whoever owns them, wherever that is, and
// sends what it learned through the log.
import { examples, gradientsOf } from '../../../schemas/topics.ts'
import { processorGroup } from '../../../streams/processor/processor-group.ts'
import { grpcRpcClient } from '../../../streams/rpc/grpc-rpc.ts'
import { type GradientTrainer, gradientTrainer } from '../../../trainers/gradient-trainer.ts'
import { bucketing } from '../../../trainers/model/buckets.ts'
import { denseCompute } from '../../../trainers/model/compute.ts'
import { bucketRoutes } from '../../../trainers/parameter-server/bucket-claims.ts'
import { parameterClient } from '../../../trainers/parameter-server/pull-client.ts'
import { bucketsOf } from '../engine-topics.ts'
import { learningQuality } from '../learning-quality.ts'
import { readGauge } from '../role-metrics.ts'
import { groupSettings, type RolePlace, type RunningRole, roleOf } from '../running-role.ts'

/** An owner that stood still this long is asked again, or another where the bucket moved. */
const pullDeadlineMs = 2_000

export async function trainerRole(place: RolePlace): Promise<RunningRole> {
  await denseCompute()
  const { config, setup, log, runtime, registry } = place
  const { spec } = setup
  const buckets = bucketsOf(config).model
  const routes = bucketRoutes({ log, runtime, model: spec.model })
  const client = parameterClient({
    spec,
    denseBucket: bucketing(buckets, true).denseBucket,
    routes,
    makeClient: (address) => grpcRpcClient({ address, runtime }),
    runtime,
    deadlineMs: pullDeadlineMs,
  })
  const trainerByPartition = new Map<number, GradientTrainer>()
  let examplesTrained = 0
  const group = await processorGroup({
    ...groupSettings(place),
    group: `trainer.${spec.model}`,
    topic: examples,
    sharedOutputs: [gradientsOf(spec.model)],
    makeProcessor(examplePartition) {
      const trainer = gradientTrainer({
        spec,
        featureSet: setup.features,
        client,
        runtime,
        examplePartition,
        buckets,
        syncIntervalMs: config.syncIntervalMs,
        onLearned: (records) => {
          examplesTrained += records.length
        },
      })
      trainerByPartition.set(examplePartition, trainer)
      return trainer
    },
  })
  const owned = () =>
    group.progress().flatMap(({ partition }) => {
      const trainer = trainerByPartition.get(partition)
      return trainer ? [{ labels: { model: spec.model, partition: String(partition) }, trainer }] : []
    })
  const labelNames = ['model', 'partition']
  readGauge(registry, 'trainer_waits_total', 'Waits for an owner that was too many batches behind', labelNames, () =>
    owned().map(({ labels, trainer }) => ({ labels, value: trainer.waits })),
  )
  readGauge(registry, 'trainer_non_finite_total', 'Gradients and predictions that were no numbers', labelNames, () =>
    owned().map(({ labels, trainer }) => ({ labels, value: trainer.nonFinite })),
  )
  const ofClient = (name: string, help: string, read: () => number): void =>
    readGauge(registry, `pull_client_${name}`, help, ['model'], () => [
      { labels: { model: spec.model }, value: read() },
    ])
  ofClient('calls_total', 'Pulls asked of owners', () => client.counts().calls)
  ofClient('retries_total', 'Pulls that had to be asked again', () => client.counts().retries)
  ofClient('waits_total', 'Times a bucket had no owner', () => client.counts().waits)
  ofClient('received_bytes_total', 'Bytes of rows that came', () => client.counts().bytesReceived)
  ofClient('latency_p50_seconds', 'Median of the newest pulls', () => client.counts().latencyMs.p50 / 1_000)
  ofClient('latency_p99_seconds', '99th percentile of the newest pulls', () => client.counts().latencyMs.p99 / 1_000)
  return {
    ...roleOf(group),
    quality: learningQuality(runtime.clock, {
      model: spec.model,
      metrics: () => owned()[0]?.trainer.metrics ?? null,
      examplesTrained: () => examplesTrained,
    }),
    async stop() {
      await group.stop()
      await client.close()
      await routes.close()
    },
  }
}
