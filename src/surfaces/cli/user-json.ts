import type { User } from '#foundation/database/schema.ts'

/** A user as commands print them. */
export function userJson({ id, email, name, superadmin, deactivatedAt, emailVerifiedAt, createdAt }: User) {
  return {
    id,
    email,
    name,
    superadmin,
    active: deactivatedAt === null,
    email_verified: emailVerifiedAt !== null,
    created_at: createdAt.toISOString(),
  }
}
