import { sql } from 'kysely'
import { type Administrator, requireSuperadmin } from '#directory/users/actor.ts'
import { recordAuditEvent } from '#foundation/audit/record-audit-event.ts'
import { inTransaction, type Queryable } from '#foundation/database/database.ts'
import { lock } from '#foundation/database/locks.ts'
import type { Permission } from '#foundation/database/schema.ts'
import { GatehouseError } from '#foundation/errors.ts'

/*
 * The catalogue is the deployment's: what an organization may grant is what superadmins, or the setup file, have named.
 */

/**
 * Adds a permission, which every organization may grant from then on.
 * @throws GatehouseError permission_denied, conflict when the catalogue has it
 */
export async function createPermission(
  db: Queryable,
  actor: Administrator,
  permission: { name: string; description: string },
): Promise<Permission> {
  requireSuperadmin(actor)
  return inTransaction(db, async (tx) => {
    const created = await tx
      .insertInto('permissions')
      .values(permission)
      .onConflict((conflict) => conflict.column('name').doNothing())
      .returningAll()
      .executeTakeFirst()
    if (!created) throw new GatehouseError('conflict', `The catalogue has ${permission.name} already.`)
    const { description } = created
    await recordAuditEvent(tx, { ...eventOf(created, actor), action: 'permission.created', after: { description } })
    return created
  })
}

/**
 * Says in other words what a permission is for; its name is what programs ask for, and stays.
 * @throws GatehouseError permission_denied, not_found
 */
export async function describePermissionAnew(
  db: Queryable,
  actor: Administrator,
  name: string,
  { description }: { description?: string | undefined },
): Promise<Permission> {
  requireSuperadmin(actor)
  return inTransaction(db, async (tx) => {
    const permission = await tx
      .selectFrom('permissions')
      .selectAll()
      .where('name', '=', name)
      .forNoKeyUpdate()
      .executeTakeFirst()
    if (!permission) throw noSuchPermission()
    if (description === undefined || description === permission.description) return permission
    await tx.updateTable('permissions').set({ description }).where('name', '=', name).execute()
    await recordAuditEvent(tx, {
      ...eventOf(permission, actor),
      action: 'permission.updated',
      before: { description: permission.description },
      after: { description },
    })
    return { ...permission, description }
  })
}

/**
 * Takes a permission out of the catalogue while nothing grants it. One that is granted is refused rather than taken from
 * everybody who has it: that would change what people of every organization may do by one call of somebody who
 * sees none of them. Its rows are held until the end, so that who grants it at the same moment comes before and is
 * counted, or comes after and finds it gone.
 * @throws GatehouseError permission_denied, not_found, conflict saying how many grants hold it
 */
export async function deletePermission(db: Queryable, actor: Administrator, name: string): Promise<void> {
  requireSuperadmin(actor)
  await inTransaction(db, async (tx) => {
    // A setup file that grants what it read in the catalogue a moment ago.
    await lock(tx, 'setup')
    const resource = name.slice(0, name.indexOf(':') + 1)
    const { rows } = await sql<Permission>`
      select * from permissions where starts_with(name, ${resource}) order by name for update`.execute(tx)
    const permission = rows.find((row) => row.name === name)
    if (!permission) throw noSuchPermission()
    // With the last of a resource goes what the wildcard stands for.
    requireUnheld(name, await countHolders(tx, rows.length === 1 ? [name, `${resource}*`] : [name], name))
    await tx.deleteFrom('permissions').where('name', '=', name).execute()
    const before = { description: permission.description }
    await recordAuditEvent(tx, { ...eventOf(permission, actor), action: 'permission.deleted', before })
  })
}

interface Holders {
  members: number
  teams: number
  service_accounts: number
  /** Clients that may ask for it as a scope. */
  clients: number
}

async function countHolders(tx: Queryable, granted: readonly string[], scope: string): Promise<Holders> {
  const { rows } = await sql<Record<string, number>>`select
    (select count(*) from memberships where jsonb_exists_any(permissions, ${granted}::text[])) as members,
    (select count(*) from teams where jsonb_exists_any(permissions, ${granted}::text[])) as teams,
    (select count(*) from clients where jsonb_exists_any(permissions::jsonb, ${granted}::text[])) as accounts,
    (select count(*) from clients where ${scope} = any(string_to_array(metadata ->> 'scope', ' '))) as clients`.execute(
    tx,
  )
  const { members = 0, teams = 0, accounts = 0, clients = 0 } = rows[0] ?? {}
  return { members, teams, service_accounts: accounts, clients }
}

function requireUnheld(name: string, held: Holders): void {
  const { members, teams, service_accounts: accounts, clients } = held
  const grants = members + teams + accounts
  if (grants + clients === 0) return
  const message =
    `${name} is granted ${grants} times: to ${members} members, ${teams} teams and ${accounts} service accounts; ` +
    `${clients} clients name it in their scope. Take it from them first.`
  throw new GatehouseError('conflict', message, { members: { held } })
}

function noSuchPermission(): GatehouseError {
  return new GatehouseError('not_found', 'The catalogue has no such permission.')
}

function eventOf({ name }: Pick<Permission, 'name'>, actor: Administrator) {
  return { actor, subject: { kind: 'permission', id: name, name } }
}
