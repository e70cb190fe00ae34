// Where clocks, timers, randomness, the disk and the environment may appear outside streams/runtime, each with its reason.

export type Ambient = 'clock' | 'timer' | 'random' | 'disk' | 'environment'

export interface Allowance {
  /** A file, or a folder with a slash at its end. */
  readonly path: string
  readonly allows: readonly Ambient[]
  readonly reason: string
}

export const allowances: readonly Allowance[] = [
  {
    path: 'streams/runtime/',
    allows: ['clock', 'timer', 'random', 'disk'],
    reason: 'the real runtime behind the ports: the one place that touches them',
  },
  {
    path: 'trainers/table/kernel-module.ts',
    allows: ['disk'],
    reason: 'loads the compiled kernel that lies beside it',
  },
  {
    path: 'trainers/model/network/kernel-module.ts',
    allows: ['disk'],
    reason: 'loads the compiled kernel that lies beside it',
  },
  {
    path: 'serving/client/',
    allows: ['clock', 'timer', 'random'],
    reason: 'runs in a browser or in a customer process',
  },
  { path: 'schemas/generate/', allows: ['disk'], reason: 'code generation' },
  { path: 'infra/build/', allows: ['clock', 'timer', 'disk', 'environment'], reason: 'builds and checks, run once' },
  { path: 'infra/cli/', allows: ['clock', 'timer', 'disk', 'environment'], reason: 'a person at a terminal' },
  { path: 'infra/config/config.ts', allows: ['disk'], reason: 'reads the one configuration file, at start' },
  { path: 'infra/simulation/sample/cut-sample.ts', allows: ['disk'], reason: 'run once, by hand, to cut the sample' },
  {
    path: 'infra/engines/',
    allows: ['clock', 'timer', 'disk', 'environment'],
    reason: 'starts and watches real servers',
  },
  {
    path: 'infra/bench/',
    allows: ['clock', 'disk', 'environment'],
    reason: 'measures real time, writes what it measured',
  },
  { path: 'infra/drills/', allows: ['disk', 'environment'], reason: 'fills disks and keeps what a drill left behind' },
  {
    path: 'infra/processes/',
    allows: ['timer', 'disk', 'environment'],
    reason: 'composition roots own what a process has',
  },
]
