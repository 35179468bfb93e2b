import type { Queryable } from '#foundation/database/database.ts'

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
}

/** @throws on `users_email_unique` when an address is taken, in any spelling */
export async function insertUsers(tx: Queryable, users: readonly NewUser[]): Promise<void> {
  if (users.length === 0) return
  const now = new Date()
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

/** A deactivated user's sessions, tokens and keys stop at once: whoever resolves a credential reads this row. */
export async function updateUser(tx: Queryable, userId: string, { active, ...edit }: UserEdit): Promise<void> {
  await tx
    .updateTable('users')
    .set({ ...edit, ...(active !== undefined && { deactivatedAt: active ? null : new Date() }) })
    .where('id', '=', userId)
    .execute()
}
