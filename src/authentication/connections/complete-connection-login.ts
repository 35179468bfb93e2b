import { recordConnectionSignIn } from '#credentials/log/record-sign-in.ts'
import { joinOrganization } from '#directory/organizations/join-organization.ts'
import { userSubject } from '#directory/users/audit-subjects.ts'
import { insertUsers } from '#directory/users/save-user.ts'
import { recordAuditEvent } from '#foundation/audit/record-audit-event.ts'
import { newId } from '#foundation/crypto/ids.ts'
import { violates } from '#foundation/database/constraint.ts'
import { inTransaction, type Queryable } from '#foundation/database/database.ts'
import type { User } from '#foundation/database/schema.ts'
import { providerOf } from './connection.ts'
import { findEnabledConnectionById } from './connection-queries.ts'
import {
  type Arrival,
  type ConnectionRefusal,
  decideConnectionLogin,
  type Findings,
  findUser,
} from './decide-connection-login.ts'
import { refreshUser } from './follow-provider.ts'
import { insertIdentity, lockSubject } from './identity-queries.ts'
import { noteIdentityUse, recordIdentityEvent } from './link-identity.ts'
import { applyTeamMapping } from './team-mapping.ts'
import { voidUnprovenCredentials } from './unproven-credentials.ts'

export type ConnectionLogin =
  | { outcome: 'signed_in'; user: User; organizationId: string | null }
  | { outcome: 'refused'; reason: ConnectionRefusal }

export interface ConnectionAttempt extends Arrival {
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
 * all of it is there, or nothing. Whose account it is, `decideConnectionLogin` says; no claim makes a person an admin or
 * superadmin.
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

async function complete(tx: Queryable, attempt: ConnectionAttempt): Promise<ConnectionLogin> {
  const { identity, provenUserId, signUp } = attempt
  const connection = await findEnabledConnectionById(tx, attempt.connection.id)
  if (!connection) return { outcome: 'refused', reason: 'connection_gone' }
  await lockSubject(tx, connection.id, identity)
  const decision = await decideConnectionLogin(tx, { connection, identity, provenUserId, signUp })
  return decision.outcome === 'refused' ? decision : signIn(tx, decision.findings, decision.accountProven)
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
