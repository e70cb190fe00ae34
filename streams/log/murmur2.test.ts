// The partitioner against vectors of Apache Kafka's own test of its Java client.
import assert from 'node:assert/strict'
import { it } from 'node:test'
import { murmur2, partitionForKey } from './murmur2.ts'

it('computes murmur2 as the Java client does', () => {
  const vectors: [string, number][] = [
    ['21', -973932308],
    ['foobar', -790332482],
    ['a-little-bit-long-string', -985981536],
    ['a-little-bit-longer-string', -1486304829],
    ['lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8', -58897971],
    ['abc', 479470107],
  ]
  for (const [text, hash] of vectors) assert.equal(murmur2(Buffer.from(text)), hash, text)
})

it('takes the hash without its sign, and partition 0 without a key', () => {
  assert.equal(partitionForKey('21', 64), (-973932308 & 0x7fffffff) % 64)
  assert.equal(partitionForKey(null, 64), 0)
  assert.equal(partitionForKey('anything', 1), 0)
})
