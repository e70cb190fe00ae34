// freshet bench NAME: runs one benchmark in a process of its own and passes on what it measured.
import { fileURLToPath } from 'node:url'
import { FreshetError } from '../../../streams/runtime/errors.ts'
import { printedBy } from '../../bench/printed-by.ts'
import { nodeFlags } from '../../processes/node-flags.ts'
import { output } from '../output.ts'

/** Scripts that print one JSON object. */
const benchmarks: Readonly<Record<string, { readonly file: string; readonly about: string }>> = {
  table: { file: '../../bench/table.ts', about: 'pulls and pushes of the collisionless table beside a C++ one' },
  pull: { file: '../../../trainers/parameter-server/pull.bench.ts', about: 'pulls of rows that another process owns' },
  freshness: {
    file: '../../bench/freshness.ts',
    about: 'event to servable row at 2,000 events/s, one process and several on Kafka',
  },
  shards: {
    file: '../../bench/shards.ts',
    about: 'folding and pulls by 1, 2 and 4 parameter shards on Kafka; PLOT=FILE.svg draws it',
  },
  train: {
    file: '../../bench/train.ts',
    about: 'training steps beside the same model in PyTorch; DRIVER=node for another driver',
  },
  quality: {
    file: '../../bench/quality.ts',
    about: 'AUC beside PyTorch and LightGBM on the KuaiRand week, paired; LOGS=F,F SCORE_FROM=T for another',
  },
  staleness: {
    file: '../../bench/staleness.ts',
    about: 'what old weights cost on the KuaiRand week; HEAD=20000 for its head, PLOT=FILE.svg draws it',
  },
  learning: { file: '../../../trainers/learning-speed.bench.ts', about: 'training steps by batch size' },
  replay: {
    file: '../../bench/replay.ts',
    about: 'examples/s through log, joiner, counter and trainer on one core',
  },
  ranking: { file: '../../../trainers/model/ranking-speed.bench.ts', about: 'scoring the candidates of a page' },
  log: { file: '../../engines/kafka/bench-kafka.ts', about: 'appends and reads of the log on a real Kafka node' },
  feed: { file: '../../../serving/feed/feed-turn.bench.ts', about: 'one whole turn of a serving shard' },
}

export async function run([name]: string[], options: Record<string, unknown>): Promise<void> {
  const out = output(options.json === true)
  const list = Object.entries(benchmarks).map(([known, { about }]) => `  ${known.padEnd(10)}${about}`)
  if (name === undefined) {
    out.result({ benchmarks: Object.keys(benchmarks) }, `freshet bench NAME, one of\n${list.join('\n')}`)
    return
  }
  const benchmark = benchmarks[name]
  if (!benchmark) throw new FreshetError('usage', `there is no benchmark ${name}; name one of\n${list.join('\n')}`)
  out.say(`measuring ${benchmark.about}`)
  const words = [...nodeFlags, fileURLToPath(new URL(benchmark.file, import.meta.url))]
  const text = await printedBy(process.execPath, words, 'the benchmark', 'see above')
  out.result(JSON.parse(text) as Record<string, unknown>, text.trim())
}
