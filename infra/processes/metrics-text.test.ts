// What several threads tell becomes one text that Prometheus reads, and the histograms in it add up.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Gauge, Registry } from 'prom-client'
import { histogramOf, histogramText, joinMetrics, quantileOf, samplesOf, withLabel } from './metrics-text.ts'

async function gaugeText(name: string, labels: Record<string, string>, value: number): Promise<string> {
  const registry = new Registry()
  const gauge = new Gauge({ name, help: `${name} of a thread`, labelNames: Object.keys(labels), registers: [registry] })
  gauge.set(labels, value)
  return registry.metrics()
}

test('a family that several tell of is told once', async () => {
  const texts = [
    await gaugeText('rows', { shard: '0' }, 5),
    await gaugeText('rows', { shard: '1' }, 7),
    await gaugeText('pages', {}, 2),
  ]
  assert.equal(
    joinMetrics(texts),
    [
      '# HELP rows rows of a thread',
      '# TYPE rows gauge',
      'rows{shard="0"} 5',
      'rows{shard="1"} 7',
      '',
      '# HELP pages pages of a thread',
      '# TYPE pages gauge',
      'pages 2',
      '',
    ].join('\n'),
  )
  assert.equal(joinMetrics([]), '')
})

test('a label is added to samples with and without labels, and to nothing else', async () => {
  const text = `${await gaugeText('rows', { shard: '0' }, 5)}${await gaugeText('pages', {}, 2)}`
  const labelled = withLabel(text, 'peer', 'host:1')
  assert.deepEqual(samplesOf(labelled, 'rows'), [
    {
      labels: new Map([
        ['shard', '0'],
        ['peer', 'host:1'],
      ]),
      value: 5,
    },
  ])
  assert.deepEqual(samplesOf(labelled, 'pages'), [{ labels: new Map([['peer', 'host:1']]), value: 2 }])
})

test('histograms of several shards add up, whatever edges each has', () => {
  const one = histogramText('age', 'Age', { shard: '0' }, [
    { upTo: 1, count: 90 },
    { upTo: 2, count: 0 },
    { upTo: 4, count: 10 },
  ])
  const other = histogramText('age', 'Age', { shard: '1' }, [
    { upTo: 1, count: 10 },
    { upTo: 8, count: 1 },
  ])
  const joined = joinMetrics([one, other])
  assert.equal(joined.match(/# TYPE age histogram/g)?.length, 1)
  const bins = histogramOf(joined, 'age')
  assert.deepEqual(
    bins.filter(({ count }) => count > 0),
    [
      { upTo: 1, count: 100 },
      { upTo: 4, count: 10 },
      { upTo: 8, count: 1 },
    ],
  )
  assert.equal(quantileOf(bins, 0.5), 1)
  assert.equal(quantileOf(bins, 0.99), 4)
  assert.equal(quantileOf(bins, 1), 8)
  assert.equal(quantileOf([], 0.5), null)
  assert.deepEqual(
    samplesOf(joined, 'age_count').map(({ value }) => value),
    [100, 11],
  )
})
