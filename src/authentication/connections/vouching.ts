import { findOrganizationOfDomain } from '#directory/organizations/organization-queries.ts'
import type { Queryable } from '#foundation/database/database.ts'
import type { Connection } from '#foundation/database/schema.ts'
import { domainOf } from '#foundation/values/email-address.ts'
import type { UpstreamIdentity } from './upstream-identity.ts'

type Told = Pick<UpstreamIdentity, 'email' | 'emailVerified'>

/**
 * Whether what a connection says about an address links it to an account: its organization owns the
 * address's verified domain, and the provider says that the address is verified. Any stranger can run a provider that
 * says so of any address, and a provider that doesn't check addresses says nothing.
 */
export async function mayLinkByEmail(
  db: Queryable,
  { organizationId }: Pick<Connection, 'organizationId'>,
  { email, emailVerified }: Told,
): Promise<boolean> {
  return emailVerified && (await ownsDomainOf(db, organizationId, email))
}

/**
 * Whether an address counts as verified because of what a connection says. Besides the domain's owner that is GitHub,
 * and Google of the addresses that it hosts itself: of others it once sent them a mail, and their owner may be another
 * by now (developers.google.com/identity/gsi/web/guides/verify-google-id-token).
 */
export async function vouchesForEmail(
  db: Queryable,
  connection: Pick<Connection, 'type' | 'issuer' | 'organizationId'>,
  identity: Told & Pick<UpstreamIdentity, 'hostedByProvider'>,
): Promise<boolean> {
  if (identity.email === undefined || !identity.emailVerified) return false
  const knowsOwner = connection.type === 'github' || (connection.type === 'google' && identity.hostedByProvider)
  if (knowsOwner && isWhatItIsCalled(connection)) return true
  return mayLinkByEmail(db, connection, identity)
}

/**
 * A "GitHub" at an address that an organization has chosen may be any server; the operator's own is the operator's
 * word.
 */
function isWhatItIsCalled({ issuer, organizationId }: Pick<Connection, 'issuer' | 'organizationId'>): boolean {
  return issuer === null || organizationId === null
}

/** Whether an organization has verified the domain of an address. */
export async function ownsDomainOf(
  db: Queryable,
  organizationId: string | null,
  email: string | undefined,
): Promise<boolean> {
  if (organizationId === null || email === undefined) return false
  const owner = await findOrganizationOfDomain(db, domainOf(email))
  return owner?.id === organizationId
}
