// Roles go with the settings of a process, or it is said which do.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { resolveConfig } from '../config/config.ts'
import { rolesOf, threadsOf } from './roles.ts'

const configOf = (flags: Record<string, string>) => resolveConfig({ file: null, environment: {}, flags })
const kafka = { 'log.driver': 'kafka', 'log.brokers': 'a:1' }
const distributed = { ...kafka, 'learning.mode': 'distributed', 'serving.peers': 'b:2' }

test('all of a deployment is what its way of learning has', () => {
  assert.deepEqual([...rolesOf(configOf({}))], ['gateway', 'serving', 'learning', 'encoder', 'projections'])
  const all = rolesOf(configOf(distributed), 'all')
  assert.ok(all.has('shard') && !all.has('learning'))
})

test('a role of the other way of learning, an unknown one and a gateway that has nobody to ask are refused', () => {
  assert.throws(() => rolesOf(configOf(kafka), 'trainer'), { code: 'config-invalid', message: /lockstep/ })
  assert.throws(() => rolesOf(configOf(distributed), 'learning'), { code: 'config-invalid', message: /distributed/ })
  assert.throws(() => rolesOf(configOf(kafka), 'trainers'), { code: 'usage', message: /gateway, serving, learning/ })
  assert.throws(() => rolesOf(configOf({}), 'serving'), { code: 'config-invalid', message: /one process/ })
  assert.throws(() => rolesOf(configOf(kafka), 'gateway'), { code: 'config-invalid', message: /serving\.peers/ })
  assert.deepEqual([...rolesOf(configOf(distributed), 'gateway')], ['gateway'])
})

test('what computes or answers pulls has a thread of its own; what only folds shares one', () => {
  const names = threadsOf(rolesOf(configOf(distributed), 'joiner, counter, trainer, shard, gateway'))
  assert.deepEqual(names, [
    { name: 'stream', roles: ['joiner', 'counter'] },
    { name: 'trainer', roles: ['trainer'] },
    { name: 'shard', roles: ['shard'] },
  ])
})
