// The Produce request against the decoder of kafkajs: whatever the records, it reads back what was written.
import assert from 'node:assert/strict'
import { createRequire } from 'node:module'
import { it } from 'node:test'
import fc from 'fast-check'
import { crc32c } from './crc32c.ts'
import { produceBody } from './kafka-produce.ts'
import { recordOfMessage } from './kafka-records.ts'
import { type NewRecord, offsetOf, partitionOf } from './log.ts'

const require = createRequire(import.meta.url)
const Decoder = require('kafkajs/src/protocol/decoder.js')
const decodeBatch = require('kafkajs/src/protocol/recordBatch/v0/decoder.js')
const oracleCrc32c = require('kafkajs/src/protocol/recordBatch/crc32C/index.js')

it('computes CRC-32C', () => {
  assert.equal(crc32c(Buffer.from('123456789'), 0, 9), 0xe3069283)
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 100 }), fc.nat(20), (bytes, start) => {
      const from = Math.min(start, bytes.length)
      assert.equal(crc32c(bytes, from, bytes.length), oracleCrc32c(Buffer.from(bytes.subarray(from))))
    }),
  )
})

const record: fc.Arbitrary<NewRecord> = fc
  .record(
    {
      key: fc.option(fc.string({ unit: 'grapheme' })),
      value: fc.option(fc.uint8Array({ maxLength: 300 })),
      timestampMs: fc.nat(2 ** 41),
      eventId: fc.string({ unit: 'grapheme', maxLength: 40 }),
      source: fc.record({ offset: fc.nat().map(offsetOf), ordinal: fc.nat(1000) }, { noNullPrototype: true }),
    },
    { requiredKeys: ['key', 'value', 'timestampMs'], noNullPrototype: true },
  )
  .map((one) => one as NewRecord)

it('writes batches that another decoder reads', async () => {
  const batch = fc.record({
    partition: fc.nat(100),
    firstSequence: fc.nat(),
    records: fc.array(record, { minLength: 1, maxLength: 8 }),
  })
  await fc.assert(
    fc.asyncProperty(fc.array(batch, { minLength: 1, maxLength: 3 }), async (batches) => {
      const identity = { producerId: String(2n ** 40n), producerEpoch: 3 }
      const decoder = new Decoder(produceBody({ topic: 'топик', replicasMsMax: 500, batches, ...identity }))
      assert.deepEqual([decoder.readInt16(), decoder.readInt16(), decoder.readInt32()], [-1, -1, 500])
      assert.deepEqual([decoder.readInt32(), decoder.readString()], [1, 'топик'])
      assert.equal(decoder.readInt32(), batches.length)
      for (const { partition, firstSequence, records } of batches) {
        assert.equal(decoder.readInt32(), partition)
        const bytes = decoder.slice(decoder.readInt32())
        decoder.forward(bytes.buffer.length)
        const crc = bytes.buffer.readUInt32BE(17)
        assert.equal(crc, oracleCrc32c(bytes.buffer.subarray(21)))
        const found = await decodeBatch(bytes)
        assert.deepEqual([found.producerId, found.producerEpoch], [identity.producerId, identity.producerEpoch])
        assert.deepEqual([found.firstSequence, found.lastOffsetDelta], [firstSequence, records.length - 1])
        assert.equal(Number(found.maxTimestamp), Math.max(...records.map(({ timestampMs }) => timestampMs)))
        const expected = records.map((one, index) => ({
          ...one,
          value: one.value && Buffer.from(one.value),
          topic: 't',
          partition: partitionOf(partition),
          offset: index,
        }))
        assert.deepEqual(
          found.records.map((message: never) => recordOfMessage('t', partition, message)),
          expected,
        )
      }
    }),
  )
})
