// node infra/engines/kafka/run-kafka.ts DIRECTORY [PORT]: runs one Kafka node until it is interrupted.
import { startKafka } from './start-kafka.ts'

const [directory, port] = process.argv.slice(2)
if (!directory) {
  console.error('usage: node infra/engines/kafka/run-kafka.ts DIRECTORY [PORT]')
  process.exit(2)
}
const kafka = await startKafka({ directory, ...(port ? { port: Number(port) } : {}) })
console.log(JSON.stringify({ brokers: kafka.brokers, pid: kafka.pid }))
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => void kafka.stop().then(() => process.exit(0)))
}
