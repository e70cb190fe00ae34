// What a process does, by name: which roles there are in either way of learning, and which threads they run in.
import { FreshetError } from '../../streams/runtime/errors.ts'
import type { Config } from '../config/config.ts'

export const roleNames = [
  'gateway',
  'serving',
  'learning',
  'joiner',
  'counter',
  'trainer',
  'shard',
  'encoder',
  'projections',
] as const
export type Role = (typeof roleNames)[number]

/** Roles of a whole deployment, by `learning.mode`. */
const rolesByMode: Readonly<Record<Config['learning']['mode'], readonly Role[]>> = {
  lockstep: ['gateway', 'serving', 'learning', 'encoder', 'projections'],
  distributed: ['gateway', 'serving', 'joiner', 'counter', 'trainer', 'shard', 'encoder', 'projections'],
}

/** One worker thread. What folds records without tensors shares one; whoever computes or answers pulls has its own. */
export interface RoleThread {
  readonly name: string
  readonly roles: readonly Role[]
}

const threads: readonly RoleThread[] = [
  { name: 'learning', roles: ['learning'] },
  { name: 'stream', roles: ['joiner', 'counter'] },
  { name: 'trainer', roles: ['trainer'] },
  { name: 'shard', roles: ['shard'] },
  { name: 'encoder', roles: ['encoder'] },
  { name: 'projections', roles: ['projections'] },
]

/** Roles by a list of names, or `all`. Throws usage for an unknown name, config-invalid where the settings do not allow one. */
export function rolesOf(config: Config, text = 'all'): ReadonlySet<Role> {
  const whole = rolesByMode[config.learning.mode]
  if (text === 'all') return new Set(whole)
  const roles = text.split(',').map((written) => {
    const role = roleNames.find((known) => known === written.trim())
    if (role) return role
    throw new FreshetError('usage', `there is no role ${written.trim()}; write all, or of ${whole.join(', ')}`)
  })
  checkRoles(config, new Set(roles))
  return new Set(roles)
}

/** Throws config-invalid, naming the setting, where roles and settings do not go together. */
export function checkRoles(config: Config, roles: ReadonlySet<Role>): void {
  const { mode } = config.learning
  const whole = rolesByMode[mode]
  const foreign = [...roles].find((role) => !whole.includes(role))
  if (foreign) {
    const other = mode === 'lockstep' ? 'distributed' : 'lockstep'
    throw invalid(`the role ${foreign} is of learning.mode ${other}; in ${mode} there are ${whole.join(', ')}`)
  }
  if (config.log.driver === 'embedded' && roles.size < whole.length) {
    throw invalid('the embedded log belongs to one process; for fewer roles set log.driver to kafka')
  }
  if (roles.has('gateway') && !roles.has('serving') && config.serving.peers.length === 0) {
    throw invalid(
      'a gateway without the role serving asks others: set serving.peers to their addresses, or add serving',
    )
  }
}

/** Worker threads beside those that serve, for the roles of this process. */
export function threadsOf(roles: ReadonlySet<Role>): RoleThread[] {
  return threads
    .map(({ name, roles: together }) => ({ name, roles: together.filter((role) => roles.has(role)) }))
    .filter((thread) => thread.roles.length > 0)
}

function invalid(message: string): FreshetError {
  return new FreshetError('config-invalid', message)
}
