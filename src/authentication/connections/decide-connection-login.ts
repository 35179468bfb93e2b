import { findOrganization } from '#directory/organizations/organization-queries.ts'
import { findUserByEmail } from '#directory/users/user-queries.ts'
import type { Queryable } from '#foundation/database/database.ts'
import type { Connection, Identity, Membership, Organization, User } from '#foundation/database/schema.ts'
import { findIdentity } from './identity-queries.ts'
import type { UpstreamIdentity } from './upstream-identity.ts'
import { mayLinkByEmail, ownsDomainOf, vouchesForEmail } from './vouching.ts'

/** Why a person whom the identity provider knows isn't signed in here. */
export type ConnectionRefusal =
  /** Nothing says yet that an account with this address is theirs, or that there is one. */
  | 'proof_needed'
  /** The connection brings no new people in. */
  | 'unknown'
  /** The provider told no address, and an account needs one. */
  | 'no_email'
  /** Google or GitHub know them, and the organization takes only people of its own domains from there. */
  | 'other_domain'
  | 'user_deactivated'
  | 'membership_deactivated'
  /** The connection was switched off meanwhile. */
  | 'connection_gone'

/** What is known of a person before anything is written. */
export interface Findings {
  connection: Connection
  organization: Organization | undefined
  identity: UpstreamIdentity
  known: Identity | undefined
  user: User | undefined
  membership: Membership | undefined
  signUp: 'open' | 'closed'
  /** Whether the address counts as verified by what this provider says. */
  vouched: boolean
}

/** Who has come from where, and what they have proven besides. */
export interface Arrival {
  connection: Connection
  identity: UpstreamIdentity
  /** Whose password was right in the same flow: the account with this address is theirs. */
  provenUserId: string | undefined
  /** Closed: a connection of the whole deployment makes no accounts; an organization's own `jit` is its own. */
  signUp: 'open' | 'closed'
}

export type LoginDecision =
  /** @param accountProven by its password, or because the subject opened it before */
  | { outcome: 'accepted'; findings: Findings; accountProven: boolean }
  | { outcome: 'refused'; reason: ConnectionRefusal }

/**
 * Who a person is here whom an identity provider has identified, and whether they get in. Writes nothing.
 *
 * The rules of linking: a subject that is known here is that person. An unknown one with the address
 * of an existing account is that account's only if the connection's organization owns the address's domain and the
 * provider says that the address is verified, or if the person has proven the account. An address alone links to no
 * superadmin.
 */
export async function decideConnectionLogin(tx: Queryable, arrival: Arrival): Promise<LoginDecision> {
  const { connection, identity, provenUserId, signUp } = arrival
  const known = await findIdentity(tx, connection.id, identity)
  const user = known ? await findUser(tx, known.userId) : await findOwner(tx, identity)
  // Whose proof it was may have another address by now: then it proves nothing about this one.
  const linked = user
    ? known || (await isLinkedBy(tx, { user, connection, identity, provenUserId }))
    : provenUserId === undefined
  if (!linked) return refused('proof_needed')
  const findings = await gather(tx, { connection, identity, known, user, signUp })
  const reason = await refusalOf(tx, findings)
  if (reason === 'unknown' && tellsOfAccounts(findings)) return refused('proof_needed')
  if (reason) return refused(reason)
  return { outcome: 'accepted', findings, accountProven: known !== undefined || provenUserId !== undefined }
}

/**
 * An organization's provider says any address that its administrator likes: an address without an account is answered as
 * one with an account is, unless the provider vouches for it. The deployment's own providers are the operator's word.
 */
function tellsOfAccounts({ user, organization, identity, vouched }: Findings): boolean {
  return user === undefined && organization !== undefined && identity.email !== undefined && !vouched
}

function refused(reason: ConnectionRefusal): LoginDecision {
  return { outcome: 'refused', reason }
}

async function isLinkedBy(
  tx: Queryable,
  {
    user,
    connection,
    identity,
    provenUserId,
  }: Pick<Arrival, 'connection' | 'identity' | 'provenUserId'> & { user: User },
): Promise<boolean> {
  if (provenUserId !== undefined) return user.id === provenUserId
  return !user.superadmin && mayLinkByEmail(tx, connection, identity)
}

/** @param of.user the owner of the account, as far as there is one */
export async function gather(
  tx: Queryable,
  {
    connection,
    identity,
    known,
    user,
    signUp,
  }: Pick<Findings, 'connection' | 'identity' | 'known' | 'user' | 'signUp'>,
): Promise<Findings> {
  const { organizationId } = connection
  const organization = organizationId === null ? undefined : await findOrganization(tx, organizationId)
  const membership = organization && user && (await findMembership(tx, organization.id, user.id))
  const vouched = await vouchesForEmail(tx, connection, identity)
  return { connection, organization, identity, known, user, membership, signUp, vouched }
}

export async function refusalOf(tx: Queryable, findings: Findings): Promise<ConnectionRefusal | undefined> {
  const { connection, organization, identity, user, membership, signUp } = findings
  if (connection.organizationId !== null && !organization) return 'connection_gone'
  if (user?.deactivatedAt) return 'user_deactivated'
  if (membership?.deactivatedAt) return 'membership_deactivated'
  const isNew = user === undefined || (organization !== undefined && !membership && !user.superadmin)
  if (!isNew) return undefined
  if (!connection.jit || (connection.organizationId === null && signUp === 'closed')) return 'unknown'
  if (!user && identity.email === undefined) return 'no_email'
  return (await isAdmitted(tx, findings)) ? undefined : 'other_domain'
}

/** Google and GitHub sign in the whole world: an organization that has domains means its own people. */
async function isAdmitted(tx: Queryable, { connection, organization, identity }: Findings): Promise<boolean> {
  if (!organization || connection.type === 'oidc') return true
  const domain = await tx
    .selectFrom('organizationDomains')
    .select('domain')
    .where('organizationId', '=', organization.id)
    .where('verifiedAt', 'is not', null)
    .executeTakeFirst()
  if (!domain) return true
  return identity.emailVerified && ownsDomainOf(tx, organization.id, identity.email)
}

export function findUser(tx: Queryable, id: string): Promise<User> {
  return tx.selectFrom('users').selectAll().where('id', '=', id).executeTakeFirstOrThrow()
}

export async function findOwner(tx: Queryable, { email }: UpstreamIdentity): Promise<User | undefined> {
  return email === undefined ? undefined : findUserByEmail(tx, email)
}

export function findMembership(tx: Queryable, organizationId: string, userId: string): Promise<Membership | undefined> {
  return tx
    .selectFrom('memberships')
    .selectAll()
    .where('organizationId', '=', organizationId)
    .where('userId', '=', userId)
    .executeTakeFirst()
}
