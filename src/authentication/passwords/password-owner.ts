import { listOrganizationsOfUser } from '#directory/organizations/organization-queries.ts'
import type { Queryable } from '#foundation/database/database.ts'
import type { User } from '#foundation/database/schema.ts'
import type { PasswordOwner } from './password-rules.ts'

/** What the rules for a new password ask of a person who has an account. */
export async function passwordOwner(db: Queryable, { id, email }: Pick<User, 'id' | 'email'>): Promise<PasswordOwner> {
  const organizations = await listOrganizationsOfUser(db, id)
  return { email, organizations: organizations.flatMap(({ name, slug }) => [name, slug]) }
}
