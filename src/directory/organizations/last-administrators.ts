import type { Queryable } from '#foundation/database/database.ts'
import { lock } from '#foundation/database/locks.ts'

/*
 * The last active superadmin and an organization's last active admin keep their rights. Before a transaction demotes,
 * switches off or removes a person it holds the administrators, then asks who would be left, then writes.
 */

/** Until `tx` ends no other takes rights away: two who demote each other would each find the other still there. */
export function holdAdministrators(tx: Queryable): Promise<void> {
  return lock(tx, 'administrators')
}

/**
 * @param holders ids of all who have a right now; @param losing of those who would lose it
 * @returns those who must keep it: all of them where no other would be left, else none
 */
export function lastHolders(holders: readonly string[], losing: ReadonlySet<string>): Set<string> {
  return new Set(holders.every((id) => losing.has(id)) ? holders : [])
}
