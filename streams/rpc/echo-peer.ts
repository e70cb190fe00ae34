// A process that answers remote calls, for tests that kill it: prints its address once it listens. `echo` gives back what it
// was sent, `never` says on stdout that it was called and answers no more.

import { systemRuntime } from '../runtime/system-runtime.ts'
import { grpcRpcServer } from './grpc-rpc.ts'

const [port = '0'] = process.argv.slice(2)
const { address } = await grpcRpcServer({
  host: '127.0.0.1',
  port: Number(port),
  runtime: systemRuntime,
  methods: {
    echo: async (request) => request,
    never: () => {
      process.stdout.write('called\n')
      return new Promise(() => {})
    },
  },
})
process.stdout.write(`${address}\n`)
