import { randomBytes } from 'node:crypto'
import { sql } from 'kysely'
import { mailLinkPath } from '#authentication/mail-links/mail-link.ts'
import { hashNewPassword } from '#authentication/passwords/set-password.ts'
import type { SystemActor } from '#directory/users/actor.ts'
import { userSubject } from '#directory/users/audit-subjects.ts'
import { insertUsers } from '#directory/users/save-user.ts'
import { hasUsers, holdNewUsers } from '#directory/users/user-queries.ts'
import { recordAuditEvent } from '#foundation/audit/record-audit-event.ts'
import { newId } from '#foundation/crypto/ids.ts'
import { sha256 } from '#foundation/crypto/sha256.ts'
import { inTransaction, type Queryable } from '#foundation/database/database.ts'
import type { User } from '#foundation/database/schema.ts'
import { foundOwnOrganization } from './found-own-organization.ts'

/*
 * A deployment without users has nobody who could invite anyone. Who starts it is shown one link, good for one hour and
 * one use, by which they become its first superadmin: so there is no password that was chosen for them.
 */

/** Where the link leads. */
export const firstSuperadminPage = '/setup'

/** The link itself made the account: there was nobody else. */
const actor: SystemActor = { system: 'first_start' }

/**
 * Makes a link and ends the one before, while there is no user.
 * @returns path and query, whose secret only the terminal may show; undefined once there is a user
 */
export function makeFirstSuperadminLink(db: Queryable): Promise<string | undefined> {
  return inTransaction(db, async (tx) => {
    if (await hasUsers(tx)) return undefined
    const token = randomBytes(32).toString('base64url')
    const link = { hash: sha256(token), expiresAt: sql<Date>`now() + interval '1 hour'` }
    await tx
      .insertInto('firstSuperadminLink')
      .values(link)
      .onConflict((conflict) => conflict.column('onlyRow').doUpdateSet(link))
      .execute()
    return mailLinkPath(firstSuperadminPage, token)
  })
}

/** Whether the link would still work. Looking changes nothing. */
export async function isFirstSuperadminLink(db: Queryable, token: string): Promise<boolean> {
  const link = await db
    .selectFrom('firstSuperadminLink')
    .select('onlyRow')
    .where('hash', '=', sha256(token))
    .where('expiresAt', '>', sql<Date>`now()`)
    .executeTakeFirst()
  return link !== undefined && !(await hasUsers(db))
}

export interface FirstSuperadmin {
  token: string
  email: string
  name: string
  password: string
  /** The name of an organization to found with it; empty: none. */
  organization: string
}

/**
 * Creates the first superadmin, whose address counts as verified: who reads the terminal owns the deployment. Of two at
 * once the later waits for the first, and finds a user then.
 * @returns undefined when the link does not work any more
 * @throws GatehouseError validation_failed for `password` or `organization`; the link stays good
 */
export async function createFirstSuperadmin(
  db: Queryable,
  { token, email, name, password, organization }: FirstSuperadmin,
): Promise<Pick<User, 'id' | 'email'> | undefined> {
  // Looked at first: no hash is computed for a token that was made up.
  if (!(await isFirstSuperadminLink(db, token))) return undefined
  const passwordHash = await hashNewPassword(password, { email, organizations: [organization] })
  return inTransaction(db, async (tx) => {
    await holdNewUsers(tx)
    if (!(await isFirstSuperadminLink(tx, token))) return undefined
    await tx.deleteFrom('firstSuperadminLink').execute()
    const user = { id: newId('user'), email }
    await insertUsers(tx, [{ ...user, name, passwordHash, emailVerified: true, superadmin: true, active: true }])
    const after = { email, name, superadmin: true }
    await recordAuditEvent(tx, { actor, action: 'user.created', subject: userSubject(user), after })
    if (organization) await foundOwnOrganization(tx, { name: organization, founder: user })
    return user
  })
}
