// The item encoder: one member of its group encodes, others stand by.
import { encoderRunner } from '../../../trainers/item-encoder/encoder-runner.ts'
import { itemEncoder } from '../../../trainers/item-encoder/item-encoder.ts'
import { denseCompute } from '../../../trainers/model/compute.ts'
import { wasmTable } from '../../../trainers/table/wasm-table.ts'
import { bucketsOf } from '../engine-topics.ts'
import { readGauge } from '../role-metrics.ts'
import { groupSettings, type RolePlace, type RunningRole } from '../running-role.ts'

/** A model without towers has nothing to encode. */
export async function encoderRole(place: RolePlace): Promise<RunningRole> {
  await denseCompute()
  const { config, setup, registry } = place
  const { spec, features } = setup
  if (!spec.towers) return { progress: () => [], ended: new Promise(() => {}), stop: async () => {} }
  const runner = await encoderRunner({
    ...groupSettings(place),
    model: spec.model,
    encoder: itemEncoder({
      spec,
      featureSet: features,
      tableFactory: wasmTable,
      buckets: bucketsOf(config).model,
      generationMs: config.generationMs,
    }),
  })
  const told = (name: string, help: string, read: () => number): void =>
    readGauge(registry, `encoder_${name}`, help, ['model'], () => [{ labels: { model: spec.model }, value: read() }])
  told('active', '1: this process encodes; 0: it stands by', () => Number(runner.isActive))
  told('gaps_total', 'Deltas that did not fit what the encoder had', () => runner.gaps)
  told('bad_records_total', 'Records that could not be read or used', () => runner.badRecords)
  return { progress: () => [], ended: runner.ended, stop: () => runner.stop() }
}
