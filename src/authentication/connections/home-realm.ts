import { findOrganization, findOrganizationOfDomain } from '#directory/organizations/organization-queries.ts'
import type { Queryable } from '#foundation/database/database.ts'
import type { Connection, Organization } from '#foundation/database/schema.ts'
import { domainOf } from '#foundation/values/email-address.ts'
import { listEnabledConnections } from './connection-queries.ts'

/** By which identity providers a person may sign in, and whether a password will do. */
export interface SignInWays {
  connections: Connection[]
  /** The organization refuses passwords: one of `connections` has to be used. */
  required: boolean
}

/**
 * The ways into an organization: its own connections; only those that it requires, when it does; else the deployment's as
 * well. A name without an organization offers what one without connections does.
 * @param organization undefined: none is named
 */
export async function waysInto(db: Queryable, organization: Organization | undefined): Promise<SignInWays> {
  const own = organization ? await listEnabledConnections(db, { organizationId: organization.id }) : []
  const required = own.filter((connection) => connection.required)
  if (required.length > 0) return { connections: required, required: true }
  const shared = await listEnabledConnections(db, { organizationId: null })
  return { connections: [...own, ...shared], required: false }
}

/**
 * Home-realm discovery: the organization that has verified an address's domain says how its people sign in. Only the
 * domain is looked at, never whether it has an account. A person who has named another organization wants to sign in
 * there, so the address's own organization has no say.
 * @param named the `organization` parameter, slug or id
 */
export async function waysFor(
  db: Queryable,
  { email, named }: { email: string; named: string | undefined },
): Promise<SignInWays> {
  const ofDomain = await findOrganizationOfDomain(db, domainOf(email))
  if (named === undefined) return waysInto(db, ofDomain)
  const asked = await findOrganization(db, named)
  const ways = await waysInto(db, asked)
  return asked?.id === ofDomain?.id ? ways : { ...ways, required: false }
}
