// The users resident in a view, bounded: the least recently active leaves.
import { UserView } from './user-view.ts'
import type { ViewLimits } from './view-limits.ts'

export class UserBook {
  private readonly limits: ViewLimits
  /** Least recently active first. */
  private readonly users = new Map<string, UserView>()
  evicted = 0

  constructor(limits: ViewLimits) {
    this.limits = limits
  }

  get size(): number {
    return this.users.size
  }

  /** null for a user who is not resident. */
  find(userId: string): UserView | null {
    return this.users.get(userId) ?? null
  }

  /** The user as known, or as nobody is known yet; not kept by asking. */
  userOf(userId: string): UserView {
    return this.users.get(userId) ?? new UserView(userId, this.limits)
  }

  /** The user, kept, as the most recently active. */
  resident(userId: string): UserView {
    const user = this.userOf(userId)
    this.users.delete(userId)
    this.users.set(userId, user)
    if (this.users.size > this.limits.usersMax) {
      this.users.delete(this.users.keys().next().value!)
      this.evicted++
    }
    return user
  }

  forget(userId: string): void {
    this.users.delete(userId)
  }
}
