import { sql } from 'kysely'
import { consumeMailLink, findMailLink, type MailLink } from '#authentication/mail-links/mail-link.ts'
import type { PasswordOwner } from '#authentication/passwords/password-rules.ts'
import { hashNewPassword } from '#authentication/passwords/set-password.ts'
import { rewriteEffectiveAuthorization } from '#directory/access/effective-authorization.ts'
import { changeTeamMembers } from '#directory/access/save-team.ts'
import { listTeamIds } from '#directory/access/team-queries.ts'
import { joinOrganization } from '#directory/organizations/join-organization.ts'
import { findOrganization } from '#directory/organizations/organization-queries.ts'
import { markEmailVerified } from '#directory/users/save-user.ts'
import { findUserByEmail } from '#directory/users/user-queries.ts'
import { recordAuditEvent } from '#foundation/audit/record-audit-event.ts'
import { newId } from '#foundation/crypto/ids.ts'
import { violates } from '#foundation/database/constraint.ts'
import { inTransaction, type Queryable } from '#foundation/database/database.ts'
import type { Organization, User } from '#foundation/database/schema.ts'
import { emailKey } from '#foundation/values/email-address.ts'
import { lockOpenInvitation } from './invitation-queries.ts'
import { insertVerifiedUser } from './register-user.ts'

/** What a link offers. */
export interface OpenInvitation {
  id: string
  email: string
  organization: Organization
  /** Undefined once their account is gone. */
  inviterName: string | undefined
  /** Who has the invited address now. */
  invitee: User | undefined
}

/** Undefined when the link does not work any more: used, expired, withdrawn, or its organization suspended. */
export async function findInvitation(db: Queryable, token: string): Promise<OpenInvitation | undefined> {
  const link = await findMailLink(db, 'invitation', token)
  const organization = link?.organizationId ? await findOrganization(db, link.organizationId) : undefined
  if (!link || !organization) return undefined
  const [invitation, invitee] = await Promise.all([findOpenInvitation(db, link), findUserByEmail(db, link.email)])
  if (!invitation || invitee?.deactivatedAt) return undefined
  const { id } = invitation
  return { id, email: link.email, organization, inviterName: invitation.inviterName ?? undefined, invitee }
}

export type Acceptance =
  | { outcome: 'joined'; user: Pick<User, 'id' | 'email'>; organization: Organization }
  /** The signed-in person has another address than the one that was invited. Nothing has changed. */
  | { outcome: 'other_address' }
  | { outcome: 'dead' }

/**
 * Accepts an invitation for the person who is signed in. It works only for the address that it was sent to, so that a
 * forwarded link brings no other person in.
 */
export async function acceptInvitation(
  db: Queryable,
  { token, user }: { token: string; user: Pick<User, 'id' | 'email'> },
): Promise<Acceptance> {
  const invitation = await findInvitation(db, token)
  if (!invitation) return { outcome: 'dead' }
  const { invitee } = invitation
  if (invitee?.id !== user.id) return { outcome: 'other_address' }
  return inTransaction(db, async (tx) => {
    const joined = await join(tx, { token, invitation, user: invitee })
    if (joined.outcome === 'joined') await markEmailVerified(tx, user.id)
    return joined
  })
}

/** What the rules for a new password ask of the invited person. */
export function ownerOf({ email, organization }: Pick<OpenInvitation, 'email' | 'organization'>): PasswordOwner {
  return { email, organizations: [organization.name, organization.slug] }
}

/**
 * Accepts an invitation for a person who has no account yet, and creates it: the link has proven the address.
 * @throws GatehouseError validation_failed for `password`; the link stays good
 */
export async function acceptInvitationAsNewUser(
  db: Queryable,
  { token, name, password }: { token: string; name: string; password: string },
): Promise<Acceptance> {
  const invitation = await findInvitation(db, token)
  if (!invitation || invitation.invitee) return { outcome: 'dead' }
  const passwordHash = await hashNewPassword(password, ownerOf(invitation))
  return db
    .transaction()
    .execute(async (tx) => {
      const user = { id: newId('user'), email: invitation.email }
      const createUser = () => insertVerifiedUser(tx, { ...user, name, passwordHash })
      return join(tx, { token, invitation, user, createUser })
    })
    .catch((error): Acceptance => {
      // A sign-up took the address at this very moment. The link stays good for them.
      if (violates(error, 'users_email_unique')) return { outcome: 'dead' }
      throw error
    })
}

interface Joining {
  token: string
  invitation: OpenInvitation
  user: Pick<User, 'id' | 'email'>
  createUser?: () => Promise<void>
}

/** First the invitation, then its link, as renewing or withdrawing has it: in another order the two could deadlock. */
async function join(tx: Queryable, { token, invitation, user, createUser }: Joining): Promise<Acceptance> {
  const { organization } = invitation
  const offered = await lockOpenInvitation(tx, { organizationId: organization.id, id: invitation.id })
  const link = await consumeMailLink(tx, 'invitation', token)
  if (!offered || !link || emailKey(link.email) !== emailKey(user.email)) return { outcome: 'dead' }
  await createUser?.()
  await closeInvitation(tx, invitation, user)
  const membershipId = await joinOrganization(tx, { organization, user, admin: offered.admin, actor: { user } })
  if (membershipId) await joinTeams(tx, organization.id, membershipId, offered.teamIds)
  return { outcome: 'joined', user, organization }
}

/** Teams may have gone since the invitation; the others are locked before the membership (see `save-team.ts`). */
async function joinTeams(tx: Queryable, organizationId: string, membershipId: string, teamIds: readonly string[]) {
  const teams = await listTeamIds(tx, organizationId, teamIds)
  await changeTeamMembers(tx, organizationId, { join: teams.map((teamId) => ({ teamId, membershipId })) })
  await rewriteEffectiveAuthorization(tx, organizationId, [membershipId])
}

async function closeInvitation(
  tx: Queryable,
  invitation: OpenInvitation,
  user: Pick<User, 'id' | 'email'>,
): Promise<void> {
  const { id, email, organization } = invitation
  await tx
    .updateTable('invitations')
    .set({ acceptedAt: sql<Date>`now()` })
    .where('organizationId', '=', organization.id)
    .where('id', '=', id)
    .execute()
  await recordAuditEvent(tx, {
    actor: { user },
    action: 'invitation.accepted',
    subject: { kind: 'invitation', id, name: email },
    organizationId: organization.id,
  })
}

function findOpenInvitation(db: Queryable, link: MailLink) {
  return db
    .selectFrom('invitations as i')
    .leftJoin('users as u', 'u.id', 'i.invitedBy')
    .select(['i.id', 'u.name as inviterName'])
    .where('i.organizationId', '=', link.organizationId)
    .where('i.id', '=', String(link.payload.invitationId))
    .where('i.acceptedAt', 'is', null)
    .where('i.withdrawnAt', 'is', null)
    .executeTakeFirst()
}
