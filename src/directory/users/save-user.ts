import { sql } from 'kysely'
import type { Queryable } from '#foundation/database/database.ts'
import type { User } from '#foundation/database/schema.ts'

const now = sql<Date>`now()`

/** A user as it is first written; ids come from `newId('user')`. */
export interface NewUser {
  id: string
  email: string
  name: string
  /** argon2id PHC string; null: signs in through a connection, or sets a password by mail. */
  passwordHash: string | null
  emailVerified: boolean
  superadmin: boolean
  active: boolean
}

/** Only what is given is changed. */
export interface UserEdit {
  email?: string
  name?: string
  superadmin?: boolean
  active?: boolean
  /** Whether the address was proven just now; an edit of another address says so either way. */
  emailVerified?: boolean
}

/** @throws on `users_email_unique` when an address is taken, in any spelling */
export async function insertUsers(tx: Queryable, users: readonly NewUser[]): Promise<void> {
  if (users.length === 0) return
  await tx
    .insertInto('users')
    .values(
      users.map(({ active, emailVerified, ...user }) => ({
        ...user,
        emailVerifiedAt: emailVerified ? now : null,
        deactivatedAt: active ? null : now,
      })),
    )
    .execute()
}

/** A deactivated user's sessions, tokens and keys stop at once: this row is read when a credential is resolved. */
export async function updateUser(
  tx: Queryable,
  userId: string,
  { active, emailVerified, ...edit }: UserEdit,
): Promise<void> {
  await tx
    .updateTable('users')
    .set({
      ...edit,
      ...(active !== undefined && { deactivatedAt: active ? null : now }),
      ...(emailVerified !== undefined && { emailVerifiedAt: emailVerified ? now : null }),
    })
    .where('id', '=', userId)
    .execute()
}

/** What hangs on an account goes with its row. */
export async function deleteUser(tx: Queryable, userId: string): Promise<void> {
  await tx.deleteFrom('users').where('id', '=', userId).execute()
}

/** The moment of the first proof stays. */
export async function markEmailVerified(tx: Queryable, userId: string): Promise<void> {
  await tx
    .updateTable('users')
    .set({ emailVerifiedAt: sql<Date>`coalesce(email_verified_at, now())` })
    .where('id', '=', userId)
    .execute()
}

/** Another password, or none: sign-ins that an older one has proven are outdated from now on. */
export async function setPasswordHash(tx: Queryable, userId: string, passwordHash: string | null): Promise<void> {
  await tx.updateTable('users').set({ passwordHash, passwordChangedAt: now }).where('id', '=', userId).execute()
}

/** Another hash of the same password, unless it was changed meanwhile. */
export async function replacePasswordHash(
  db: Queryable,
  { id, passwordHash }: Pick<User, 'id' | 'passwordHash'>,
  stronger: string,
): Promise<void> {
  await db
    .updateTable('users')
    .set({ passwordHash: stronger })
    .where('id', '=', id)
    .where('passwordHash', '=', passwordHash)
    .execute()
}
