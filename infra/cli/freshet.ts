// The command line. Each command is one file in commands/, loaded only when it is asked for.
import process from 'node:process'
import { Command } from 'commander'
import { fail } from './output.ts'

/** As for every call that cannot be understood. */
const wrongCallStatus = 2

const program = new Command('freshet')
  .description('A For-You-Page engine: event-sourced, learning from each swipe.')
  .showHelpAfterError('(freshet --help lists the commands)')
  .exitOverride((stopped) => process.exit(stopped.exitCode === 0 ? 0 : wrongCallStatus))

/** Options that every command has. */
function command(name: string, description: string, parent: Command = program): Command {
  return parent
    .command(name)
    .description(description)
    .option('--json', 'print one JSON object as the last line', false)
    .option('--config <file>', 'configuration: JSON with comments')
    .option('--data-dir <folder>', 'where this process keeps its log and snapshots')
}

const mappingHelp = `
What is read is one of: the log's own examples (--from), a log of any shape by a mapping (--mapping; fields in docs/import.md),
files of KuaiRand (--kuairand-log, --users, --videos). Try a mapping first:  freshet import csv --mapping F --check
Heads that a mapping does not tell are not scored, and learn nothing.`

const csvHelp = `
A mapping for a file of ratings; paths in it are relative to it:

  {
    "name": "movielens",              // part of every event id: import twice, nothing doubles
    "log": {
      "files": "ratings.csv",         // plain or gzipped; or a list
      "user": "userId",
      "video": "movieId",
      "time": { "column": "timestamp", "unit": "s" },
      "labels": { "longView": { "column": "rating", "atLeast": 4 } }
    }
  }

Try it first:  freshet import csv --mapping movielens.jsonc --check
Every field, and a watch log with side tables: docs/import.md`

type Run = (positional: string[], options: Record<string, unknown>) => Promise<void>

/** Runs the command's module; `run` gets `before` and the positional arguments, and the options. */
function runs(load: () => Promise<{ run: Run }>, ...before: string[]): (...args: unknown[]) => Promise<void> {
  return async (...args) => {
    const given = args.slice(0, -2).filter((value) => typeof value === 'string') as string[]
    const positional = [...before, ...given]
    const { run } = await load()
    await run(positional, args.at(-2) as Record<string, unknown>)
  }
}

command('start', 'run the engine until it is told to stop')
  .option('--roles <names>', 'all, or some; infra/processes/README.md lists them', 'all')
  .action(runs(() => import('./commands/start.ts')))

command('demo', 'the whole loop on a real sample with a simulated population')
  .option('--seconds <n>', 'stop after this long; without it, on ctrl-c')
  .option('--users <n>', 'people in the population', '200')
  .option('--events-per-second <n>', 'rate the population aims at', '360')
  .option('--seed <n>', 'seed of the population', '1')
  .option('--log <driver>', 'embedded, or kafka: starts a broker', 'embedded')
  .action(runs(() => import('./commands/demo.ts')))

const imports = program
  .command('import')
  .description('a log made elsewhere, as events: KuaiRand, or any by a mapping')
  .showHelpAfterError('(write import kuairand or import csv)')

command('kuairand', 'a log in the columns of KuaiRand', imports)
  .requiredOption('--log <files>', 'log files, comma-separated, csv or csv.gz')
  .requiredOption('--users <file>', 'user features')
  .requiredOption('--videos <file>', 'video features')
  .option('--check', 'only read, and tell what would come', false)
  .showHelpAfterError('(freshet import kuairand --help lists the options)')
  .action(runs(() => import('./commands/import.ts'), 'kuairand'))

command('csv', 'watch logs, click logs, ratings: any delimited text, by a mapping', imports)
  .requiredOption('--mapping <file>', 'which column is what: JSON with comments, see docs/import.md')
  .option('--log <files>', "log files in place of the mapping's, comma-separated, plain or gzipped")
  .option('--check', 'only read: tell what would come, and every kind of bad row', false)
  .addHelpText('after', csvHelp)
  .showHelpAfterError('(freshet import csv --help shows a mapping)')
  .action(runs(() => import('./commands/import.ts'), 'csv'))

command('evaluate', 'predict before learning, in event-time order')
  .option('--from <position>', 'evaluate the examples of the log, from here')
  .option('--to <position>', 'to here', 'latest')
  .option('--mapping <file>', 'instead of the log: files, by a mapping as import csv takes it')
  .option('--log <files>', "log files in place of the mapping's, comma-separated, plain or gzipped")
  .option('--kuairand-log <files>', 'instead of the log: files of KuaiRand, comma-separated, csv or csv.gz')
  .option('--users <file>', 'user features of KuaiRand')
  .option('--videos <file>', 'video features of KuaiRand')
  .option('--score-from <position>', 'score only impressions from this time on, as ts=...')
  .option('--tick-seconds <n>', 'of files: event time that is predicted before it is learned', '300')
  .option('--labels-delayed <ms>', 'of files: how much later than it happened an outcome is known', '0')
  .option('--utc-offset <hours>', 'a day begins at midnight so far ahead of UTC', '8')
  .option('--no-frozen', 'of files: no second prediction with the user as of the start of the day')
  .option('--no-retrieval', 'no retrieval among all videos seen')
  .option('--retrieval-every <n>', 'look for each so-many-th long view', '4')
  .option('--encode-minutes <n>', 'event time after which all videos are encoded anew', '60')
  .option('--resamples <n>', 'of users, for the intervals', '200')
  .option('--seed <n>', 'of the resampling', '1')
  .option('--predictions <file>', 'write predictions and labels of each scored impression, tab-separated')
  .option('--against <file>', "another model's predictions of the same impressions: print the paired difference")
  .addHelpText('after', mappingHelp)
  .action(runs(() => import('./commands/evaluate.ts')))

command('train', 'learn a range of the log again, or a log made elsewhere, into a folder per run')
  .option(
    '--spec <files>',
    'model specs, comma-separated: a run for each; default: the one that comes with the project',
  )
  .option(
    '--features <files>',
    'features left out and appended (JSON), or one to append (ts); one for all or one per run',
  )
  .option('--from <position>', 'learn the examples of the log, from here')
  .option('--to <position>', 'to here', 'latest')
  .option('--rehydrate', 'compute features anew from what was logged, instead of those frozen at serving', false)
  .option('--mapping <file>', 'instead of the log: files, by a mapping as import csv takes it')
  .option('--log <files>', "log files in place of the mapping's, comma-separated, plain or gzipped")
  .option('--kuairand-log <files>', 'instead of the log: files of KuaiRand, comma-separated, csv or csv.gz')
  .option('--users <file>', 'user features of KuaiRand')
  .option('--videos <file>', 'video features of KuaiRand')
  .option('--tick-seconds <n>', 'of files: event time that is predicted before it is learned', '300')
  .option(
    '--out <folder>',
    'where it lies; with several runs a folder for each in it. The same command goes on with it',
  )
  .option('--runs <n>', 'at once, each on a thread; default: as many as there are cores')
  .option('--score-from <position>', 'score only impressions from this time on, as ts=...')
  .option('--importance-rows <n>', 'rows on which each feature is permuted; 0: none', '4096')
  .option('--utc-offset <hours>', 'a day begins at midnight so far ahead of UTC', '8')
  .addHelpText('after', mappingHelp)
  .action(runs(() => import('./commands/train.ts')))

command('compare', 'two runs over the same examples: what differs, and whether it is more than noise')
  .argument('<base>', 'folder of a run')
  .argument('<other>', 'folder of the run that is to be better')
  .option('--resamples <n>', 'of users, for the intervals', '400')
  .option('--seed <n>', 'of the resampling', '1')
  .option('--report <file>', 'where the report goes; default: into the second folder')
  .action(runs(() => import('./commands/compare.ts')))

command('export', 'a topic as a Parquet file')
  .argument('<topic>')
  .option('--parquet <file>', 'what is written')
  .option('--from <position>', 'where to begin', 'earliest')
  .option('--to <position>', 'where to end', 'latest')
  .option('--features <file>', 'what frozen features are read by; default: the features of the configuration')
  .action(runs(() => import('./commands/export.ts')))

command('off-policy', 'what another policy would have earned, from a log with its propensities')
  .option('--csv <file>', 'a log of decisions with a header line, csv or csv.gz')
  .option('--reward <column>', 'what came back')
  .option('--propensity <column>', 'the chance with which the action was drawn')
  .option('--action <column>', 'what was drawn')
  .option('--position <column>', 'what the policy looked at, such as a place in a page')
  .option('--cluster <column>', 'rows that depend on one another, such as those of a user')
  .option('--target <policy>', 'uniform, or a file with the columns of action, position and "probability"')
  .option('--target-log <file>', 'a log of the target with the same columns: its draws are counted')
  .option('--target-propensity <column>', "the target's probability of the action, in the log itself")
  .option('--uncovered-max <share>', 'of the target, that may be nowhere in the log', '0.01')
  .option('--clip <weight>', 'cut larger weights to this')
  .option('--from <position>', 'instead of a file the examples of the log, from here')
  .option('--to <position>', 'to here', 'latest')
  .option('--head <label>', 'examples: the label whose mean is estimated', 'longView')
  .option('--epsilon <share>', 'examples: chance of exploring they were served with')
  .option('--target-epsilon <share>', 'examples: chance of exploring that is asked about')
  .option('--warm-examples <n>', 'examples: so many first ones of each user are left out', '0')
  .action(runs(() => import('./commands/off-policy.ts')))

command('topics', 'the topics and how much they hold').action(runs(() => import('./commands/topics.ts')))

command('tail', 'records of a topic, decoded')
  .argument('<topic>')
  .option('--from <position>', 'where to begin: earliest, latest, offset=N, ts=..., last=1h', 'last=1h')
  .option('--max <n>', 'stop after this many records')
  .option('--follow', 'wait for more', false)
  .action(runs(() => import('./commands/tail.ts')))

command('lag', 'how far behind each processor is')
  .option('--watch', 'repeat every second', false)
  .action(runs(() => import('./commands/lag.ts')))

command('freshness', 'from an accepted event to a row that serves')
  .option('--seconds <n>', 'of what comes within the next so many seconds; without it, of all since the start')
  .action(runs(() => import('./commands/freshness.ts')))

command('snapshot', 'what owners of parameters stored: list, or verify, which folds the log anew and compares bytes')
  .argument('<action>', 'list or verify')
  .option('--model <name>', 'of one model only')
  .option('--bucket <n>', 'of one bucket only')
  .action(runs(() => import('./commands/snapshot.ts')))

command('model', 'how the parameters stand, the model as it was at an earlier position, or another model')
  .argument('<action>', 'status, rollback, shadow or promote')
  .option(
    '--model <name>',
    'status: of all by default; rollback: of the one that ranks; shadow, promote: one that ran before',
  )
  .option('--run <folder>', 'shadow, promote: the run that freshet train made')
  .option('--spec <file>', 'shadow: of a model that has learned nothing yet')
  .option('--end <name>', 'shadow: the one that is to learn no more')
  .option(
    '--to <position>',
    'rollback: from here on nothing counts; latest undoes nothing and publishes what is held back',
  )
  .action(runs(() => import('./commands/model.ts')))

command('feed', 'what a user would get now, and why')
  .argument('<user>')
  .option('--limit <n>', 'entries', '10')
  .option('--explain', 'features, probabilities and reasons of every entry', false)
  .action(runs(() => import('./commands/feed.ts')))

command('simulate', 'a population with known tastes, against a running engine')
  .option('--url <address>', 'address of the gateway; default: the running process of this data folder')
  .option('--users <n>', 'people', '200')
  .option('--seconds <n>', 'how long', '60')
  .option('--events-per-second <n>', 'rate to aim at', '450')
  .option('--seed <n>', 'seed of the population', '1')
  .option('--replay-pages', 'show pages that were served before again: a load that costs no ranking', false)
  .action(runs(() => import('./commands/simulate.ts')))

command('drill', 'break a real topology on Kafka under load and prove that nothing was lost; without a name, the list')
  .argument('[name]')
  .option('--moments <n>', 'how often the fault is injected', '1')
  .option('--seed <n>', 'seed of the moments; by default another each time')
  .option('--folder <folder>', 'where everything lies; kept')
  .action(runs(() => import('./commands/drill.ts')))

command('bench', 'measurements beside a reference; without a name, the list')
  .argument('[name]')
  .action(runs(() => import('./commands/bench.ts')))

program.parseAsync(process.argv).catch(fail)
