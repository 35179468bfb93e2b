import { newId } from '#foundation/crypto/ids.ts'
import { emailKey } from '#foundation/values/email-address.ts'
import { changesOf, noteChange, type SetupPlan } from './changes.ts'
import type { CurrentSetup } from './current-setup.ts'
import type { SetupValues, UserEntry } from './setup.ts'

/** The catalogue only grows: what the file doesn't name may be granted to somebody. */
export function planPermissions(plan: SetupPlan, values: SetupValues, current: CurrentSetup): void {
  for (const { name, description } of values.permissions ?? []) {
    const known = current.permissions.get(name)
    const wanted = description ?? known ?? ''
    const before = known === undefined ? undefined : { description: known }
    const action = noteChange(plan, { kind: 'permission', name: `permission ${name}` }, before, { description: wanted })
    if (action) plan.writes.permissions.push({ name, description: wanted })
  }
}

/** @returns user ids by e-mail address in lower case, those of new users included */
export function planUsers(plan: SetupPlan, values: SetupValues, current: CurrentSetup): Map<string, string> {
  const ids = new Map([...current.users].map(([email, user]) => [email, user.id]))
  for (const entry of values.users ?? []) {
    const key = emailKey(entry.email)
    const user = current.users.get(key)
    const id = user?.id ?? newId('user')
    ids.set(key, id)
    const before = user && {
      email: user.email,
      name: user.name,
      superadmin: user.superadmin,
      active: user.deactivatedAt === null,
    }
    const after = {
      email: entry.email,
      name: entry.name ?? user?.name ?? entry.email,
      // Rights are exactly as the file says: a line that was removed takes them away.
      superadmin: entry.superadmin ?? false,
      active: entry.active ?? true,
    }
    const action = noteChange(plan, { kind: 'user', name: `user ${entry.email}` }, before, after)
    if (action === 'create') plan.writes.newUsers.push({ id, ...after, ...firstPassword(entry) })
    if (action === 'update') plan.writes.userEdits.push({ id, edit: changesOf(before, after) })
  }
  return ids
}

/** The operator vouches for the address. The password is the person's own from then on: later ones are ignored. */
function firstPassword(entry: UserEntry) {
  return { emailVerified: true, passwordHash: entry.password_hash ?? null, password: entry.password }
}
