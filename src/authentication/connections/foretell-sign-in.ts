import type { Queryable } from '#foundation/database/database.ts'
import type { User } from '#foundation/database/schema.ts'
import { emailKey } from '#foundation/values/email-address.ts'
import {
  type Arrival,
  type ConnectionRefusal,
  decideConnectionLogin,
  type Findings,
  findMembership,
  findOwner,
  gather,
  refusalOf,
} from './decide-connection-login.ts'
import { nextEmail } from './follow-provider.ts'
import { findIdentity } from './identity-queries.ts'
import { listTeams, namesOf } from './save-connection.ts'
import { teamChanges } from './team-mapping.ts'
import { mayLinkByEmail } from './vouching.ts'

/** What a sign-in would come to. */
export type ForetoldSignIn =
  | { outcome: 'refused'; reason: ConnectionRefusal; user: Shown | undefined }
  | {
      outcome: 'signed_in'
      /**
       * `known`: they have signed in through this connection before; `linked`: by their address, at this sign-in;
       * `new_or_proven`: whoever has an account with the address proves it first, anybody else is given one.
       */
      account: 'known' | 'linked' | 'new' | 'new_or_proven'
      user: Shown | undefined
      /** Whether they become a member of the connection's organization. */
      joins: boolean
      /** Teams by name, in order. */
      teams: { joined: string[]; left: string[] }
      /** What of an existing account would be another. */
      changes: { name?: string; email?: string }
      /** Whether the password, keys and sessions of an account whose address nobody proved would be void. */
      voids: boolean
    }

type Shown = Pick<User, 'name' | 'email'>

/**
 * Says what a sign-in of an identified person would come to at this moment, whether or not the connection is enabled.
 * Writes nothing. Of accounts it tells an organization's administrators what a real sign-in would leave them knowing: of an
 * address that their connection neither vouches for nor belongs to one of their members, not whether it has an account.
 */
export async function foretellSignIn(db: Queryable, arrival: Omit<Arrival, 'provenUserId'>): Promise<ForetoldSignIn> {
  if (await concealsAccount(db, arrival)) return foretellConcealed(db, arrival)
  const decision = await decideConnectionLogin(db, { ...arrival, provenUserId: undefined })
  if (decision.outcome === 'accepted') {
    const { known, user } = decision.findings
    return foretellAccepted(db, decision.findings, known ? 'known' : user ? 'linked' : 'new')
  }
  const { reason } = decision
  const owner = reason === 'proof_needed' ? await findOwner(db, arrival.identity) : undefined
  return { outcome: 'refused', reason, user: owner && shown(owner) }
}

async function concealsAccount(
  db: Queryable,
  { connection, identity }: Pick<Arrival, 'connection' | 'identity'>,
): Promise<boolean> {
  const { organizationId } = connection
  if (organizationId === null || identity.email === undefined) return false
  if (await findIdentity(db, connection.id, identity)) return false
  if (await mayLinkByEmail(db, connection, identity)) return false
  const owner = await findOwner(db, identity)
  return !(owner && (await findMembership(db, organizationId, owner.id)))
}

/** As if nobody had the address, in words that hold if somebody has. */
async function foretellConcealed(db: Queryable, arrival: Omit<Arrival, 'provenUserId'>): Promise<ForetoldSignIn> {
  const findings = await gather(db, { ...arrival, known: undefined, user: undefined })
  const reason = await refusalOf(db, findings)
  if (!reason) return foretellAccepted(db, findings, 'new_or_proven')
  return { outcome: 'refused', reason: reason === 'unknown' ? 'proof_needed' : reason, user: undefined }
}

async function foretellAccepted(
  db: Queryable,
  findings: Findings,
  account: 'known' | 'linked' | 'new' | 'new_or_proven',
): Promise<ForetoldSignIn> {
  const { organization, membership, user, known, vouched } = findings
  const joins = organization !== undefined && !membership && !(user?.superadmin ?? false)
  return {
    outcome: 'signed_in',
    account,
    user: user && shown(user),
    joins,
    teams: await foretoldTeams(db, findings, joins),
    changes: user ? await foretoldChanges(db, { ...findings, user }) : {},
    voids: user !== undefined && vouched && user.emailVerifiedAt === null && !known,
  }
}

async function foretoldTeams(
  db: Queryable,
  { connection, organization, identity, membership, known }: Findings,
  joins: boolean,
): Promise<{ joined: string[]; left: string[] }> {
  if (!organization || !(joins || membership)) return { joined: [], left: [] }
  const first = !known || joins
  const { groups } = identity
  const { join, leave } = await teamChanges(db, {
    connection,
    organization,
    membershipId: membership?.id,
    groups,
    first,
  })
  const names = namesOf(await listTeams(db, organization.id))
  const named = (ids: readonly string[]) => ids.flatMap((id) => names.get(id) ?? []).sort()
  return { joined: named(join), left: named(leave) }
}

async function foretoldChanges(
  db: Queryable,
  findings: Findings & { user: User },
): Promise<{ name?: string; email?: string }> {
  const { user, identity } = findings
  const email = await nextEmail(db, findings)
  return {
    ...(identity.name !== undefined && identity.name !== user.name && { name: identity.name }),
    ...(email !== undefined && emailKey(email) !== emailKey(user.email) && { email }),
  }
}

function shown({ name, email }: User): Shown {
  return { name, email }
}
