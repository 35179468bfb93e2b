import { endLinksOfMailboxes } from '#authentication/mail-links/mail-link.ts'
import { recordConnectionSignIn } from '#credentials/log/record-sign-in.ts'
import { joinOrganization } from '#directory/organizations/join-organization.ts'
import { findOrganization } from '#directory/organizations/organization-queries.ts'
import type { SystemActor } from '#directory/users/actor.ts'
import { userSubject } from '#directory/users/audit-subjects.ts'
import { insertUsers, updateUser } from '#directory/users/save-user.ts'
import { findUserByEmail } from '#directory/users/user-queries.ts'
import { recordAuditEvent, recordAuditEvents } from '#foundation/audit/record-audit-event.ts'
import { newId } from '#foundation/crypto/ids.ts'
import { violates } from '#foundation/database/constraint.ts'
import { inTransaction, type Queryable } from '#foundation/database/database.ts'
import type { Connection, Identity, Membership, Organization, User } from '#foundation/database/schema.ts'
import { emailKey } from '#foundation/values/email-address.ts'
import { providerOf } from './connection.ts'
import { findEnabledConnectionById } from './connection-queries.ts'
import { findIdentity, insertIdentity, lockSubject } from './identity-queries.ts'
import { noteIdentityUse, recordIdentityEvent } from './link-identity.ts'
import { applyTeamMapping } from './team-mapping.ts'
import { voidUnprovenCredentials } from './unproven-credentials.ts'
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

export type ConnectionLogin =
  | { outcome: 'signed_in'; user: User; organizationId: string | null }
  | { outcome: 'refused'; reason: ConnectionRefusal }

export interface ConnectionAttempt {
  connection: Connection
  identity: UpstreamIdentity
  /** Whose password was right in the same flow: the account with this address is theirs. */
  provenUserId: string | undefined
  /** Closed: a connection of the whole deployment makes no accounts; an organization's own `jit` is its own. */
  signUp: 'open' | 'closed'
  ip: string | undefined
  userAgent: string | undefined
  clientId: string | undefined
  /** Slug or id of the organization that the request names. */
  organization: string | undefined
}

const mostTries = 3

/**
 * Signs a person in whom an identity provider has identified: finds their account, or makes it where the connection may
 * (just in time), with membership, teams, name and address as the provider tells them now. One transaction: either
 * all of it is there, or nothing.
 *
 * The rules of linking: a subject that is known here is that person. An unknown one with the address
 * of an existing account is that account's only if the connection's organization owns the address's domain and the
 * provider says that the address is verified, or if the person has proven the account. No claim makes a person an admin
 * or superadmin, and an address alone links to no superadmin.
 */
export async function completeConnectionLogin(db: Queryable, attempt: ConnectionAttempt): Promise<ConnectionLogin> {
  const login = await inOneTransaction(db, attempt)
  const { connection, ip, userAgent, clientId, organization } = attempt
  const user = login.outcome === 'signed_in' ? login.user : undefined
  const reason = login.outcome === 'refused' ? login.reason : null
  await recordConnectionSignIn(db, { connection, user, reason, ip, userAgent, clientId, organization })
  return login
}

/** Another request may take the very address at this moment; the next try finds its owner. */
async function inOneTransaction(db: Queryable, attempt: ConnectionAttempt): Promise<ConnectionLogin> {
  for (let tries = 1; ; tries++) {
    try {
      return await inTransaction(db, (tx) => complete(tx, attempt))
    } catch (error) {
      if (tries === mostTries || !violates(error, 'users_email_unique')) throw error
    }
  }
}

/** What is known of a person before anything is written. */
interface Findings {
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

async function complete(tx: Queryable, attempt: ConnectionAttempt) {
  const {
    connection: { id },
    identity,
    provenUserId,
    signUp,
  } = attempt
  const connection = await findEnabledConnectionById(tx, id)
  if (!connection) return refused('connection_gone')
  await lockSubject(tx, connection.id, identity)
  const known = await findIdentity(tx, connection.id, identity)
  const user = known ? await findUser(tx, known.userId) : await findOwner(tx, identity)
  // Whose proof it was may have another address by now: then it proves nothing about this one.
  const linked = user
    ? known || (await isLinkedBy(tx, { user, connection, identity, provenUserId }))
    : provenUserId === undefined
  if (!linked) return refused('proof_needed')
  const findings = await gather(tx, { connection, identity, known, user, signUp })
  const refusal = await refusalOf(tx, findings)
  if (refusal === 'unknown' && tellsOfAccounts(findings)) return refused('proof_needed')
  const accountProven = known !== undefined || provenUserId !== undefined
  return refusal ? refused(refusal) : signIn(tx, findings, accountProven)
}

/**
 * An organization's provider says any address that its administrator likes: an address without an account is answered as
 * one with an account is, unless the provider vouches for it. The deployment's own providers are the operator's word.
 */
function tellsOfAccounts({ user, organization, identity, vouched }: Findings): boolean {
  return user === undefined && organization !== undefined && identity.email !== undefined && !vouched
}

function refused(reason: ConnectionRefusal): ConnectionLogin {
  return { outcome: 'refused', reason }
}

async function isLinkedBy(
  tx: Queryable,
  {
    user,
    connection,
    identity,
    provenUserId,
  }: Pick<ConnectionAttempt, 'connection' | 'identity' | 'provenUserId'> & { user: User },
): Promise<boolean> {
  if (provenUserId !== undefined) return user.id === provenUserId
  return !user.superadmin && mayLinkByEmail(tx, connection, identity)
}

async function gather(
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

async function refusalOf(tx: Queryable, findings: Findings): Promise<ConnectionRefusal | undefined> {
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

/** @param accountProven by its password, or because the subject opened it before */
async function signIn(tx: Queryable, findings: Findings, accountProven: boolean): Promise<ConnectionLogin> {
  const { connection, organization, identity, known } = findings
  const account = findings.user ?? (await createUser(tx, findings))
  const identityId = known?.id ?? (await linkSubject(tx, findings, account, accountProven))
  const joined = organization && !findings.membership && !(findings.user?.superadmin ?? false)
  const membershipId = joined
    ? await joinOrganization(tx, { organization, user: account, admin: false, actor: providerOf(connection) })
    : findings.membership?.id
  if (organization && membershipId) {
    const first = !known || joined === true
    const { groups } = identity
    await applyTeamMapping(tx, { connection, organization, user: account, membershipId, groups, first })
  }
  // People last, as accepting an invitation has it: teams, memberships, then they.
  if (findings.vouched && account.emailVerifiedAt === null && !accountProven) {
    await voidUnprovenCredentials(tx, account, { keepIdentityId: identityId })
  }
  const user = await refreshUser(tx, { ...findings, user: account })
  if (known) await noteIdentityUse(tx, known, identity)
  return { outcome: 'signed_in', user, organizationId: organization?.id ?? null }
}

/** No account is made without an address; a name may be missing. @throws on `users_email_unique` */
async function createUser(tx: Queryable, { identity, connection, vouched }: Findings): Promise<User> {
  const { email = '' } = identity
  const user = { id: newId('user'), email, name: identity.name ?? email }
  await insertUsers(tx, [{ ...user, passwordHash: null, emailVerified: vouched, superadmin: false, active: true }])
  await recordAuditEvent(tx, {
    actor: providerOf(connection),
    action: 'user.created',
    subject: userSubject(user),
    organizationId: connection.organizationId,
    after: { email, name: user.name, connection: connection.name },
  })
  return findUser(tx, user.id)
}

/** @param byOwner the person has proven the account, and so links it; else the provider's word does */
async function linkSubject(
  tx: Queryable,
  { connection, identity }: Findings,
  user: User,
  byOwner: boolean,
): Promise<string> {
  const id = await insertIdentity(tx, { connectionId: connection.id, userId: user.id, identity })
  await recordIdentityEvent(tx, 'identity.linked', {
    actor: byOwner ? { user } : providerOf(connection),
    user,
    connection,
    identity: { id, ...identity },
  })
  return id
}

/**
 * Name and address as the provider tells them now. The address follows only while it is the one that this
 * provider told before; a verified one gives way only to one that is vouched for; and none goes to two people.
 */
async function refreshUser(
  tx: Queryable,
  { user, connection, identity, known, vouched }: Findings & { user: User },
): Promise<User> {
  const email = (await nextEmail(tx, { user, identity, known, vouched })) ?? user.email
  const proven = vouched && identity.email !== undefined && emailKey(identity.email) === emailKey(email)
  const name = identity.name ?? user.name
  const wasVerified = user.emailVerifiedAt !== null && email === user.email
  if (email === user.email && name === user.name && !(proven && !wasVerified)) return findUser(tx, user.id)
  await updateUser(tx, user.id, { name, email, ...(!wasVerified && { emailVerified: proven }) })
  if (email !== user.email) await endLinksOfMailboxes(tx, [user.email, email])
  await recordChanges(tx, user, { name, email, actor: providerOf(connection) })
  return findUser(tx, user.id)
}

async function nextEmail(
  tx: Queryable,
  { user, identity, known, vouched }: Pick<Findings, 'identity' | 'known' | 'vouched'> & { user: User },
): Promise<string | undefined> {
  const { email } = identity
  if (!known?.email || email === undefined || emailKey(email) === emailKey(user.email)) return undefined
  const follows = emailKey(known.email) === emailKey(user.email)
  if (!follows || (user.emailVerifiedAt !== null && !vouched)) return undefined
  return (await findUserByEmail(tx, email)) ? undefined : email
}

async function recordChanges(
  tx: Queryable,
  before: User,
  after: { name: string; email: string; actor: SystemActor },
): Promise<void> {
  const event = { actor: after.actor, subject: userSubject({ id: before.id, email: after.email }) }
  const { name, email } = before
  await recordAuditEvents(tx, [
    ...(name !== after.name
      ? [{ ...event, action: 'user.updated' as const, before: { name }, after: { name: after.name } }]
      : []),
    ...(email !== after.email
      ? [{ ...event, action: 'user.email_changed' as const, before: { email }, after: { email: after.email } }]
      : []),
  ])
}

function findUser(tx: Queryable, id: string): Promise<User> {
  return tx.selectFrom('users').selectAll().where('id', '=', id).executeTakeFirstOrThrow()
}

async function findOwner(tx: Queryable, { email }: UpstreamIdentity): Promise<User | undefined> {
  return email === undefined ? undefined : findUserByEmail(tx, email)
}

function findMembership(tx: Queryable, organizationId: string, userId: string): Promise<Membership | undefined> {
  return tx
    .selectFrom('memberships')
    .selectAll()
    .where('organizationId', '=', organizationId)
    .where('userId', '=', userId)
    .executeTakeFirst()
}
