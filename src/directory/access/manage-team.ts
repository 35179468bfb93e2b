import { type Administrator, requireAdminOf } from '#directory/users/actor.ts'
import { memberSubject } from '#directory/users/audit-subjects.ts'
import { recordAuditEvent } from '#foundation/audit/record-audit-event.ts'
import { newId } from '#foundation/crypto/ids.ts'
import { violates } from '#foundation/database/constraint.ts'
import { inTransaction, type Queryable } from '#foundation/database/database.ts'
import type { Organization, Team } from '#foundation/database/schema.ts'
import { GatehouseError } from '#foundation/errors.ts'
import { requireGrantable } from './catalogue.ts'
import { rewriteEffectiveAuthorization } from './effective-authorization.ts'
import type { Grants } from './grants.ts'
import { changeTeamMembers, deleteTeams, insertTeams, listMembersOfTeams, updateTeam } from './save-team.ts'
import { holdTeam } from './team-queries.ts'

/** Whose teams are managed, and by whom: an administrator may do all of this, also with an API key for administration. */
export interface TeamManagement {
  organization: Pick<Organization, 'id'>
  actor: Administrator
}

/** How a team is found: `requireTeam` has it. */
type TeamPlace = Pick<Team, 'id' | 'organizationId'>

/**
 * Makes a team, with what its members will have from it.
 * @throws GatehouseError permission_denied, validation_failed naming permissions that are not in the catalogue, conflict
 *   when the organization has a team of that name, in any spelling
 */
export async function createTeam(
  db: Queryable,
  { organization, actor }: TeamManagement,
  { name, ...grants }: Grants & { name: string },
): Promise<Team> {
  requireAdminOf(actor, organization.id)
  return inTransaction(db, async (tx) => {
    const granted = await requireGrantable(tx, grants)
    const team = { id: newId('team'), organizationId: organization.id, name, ...granted }
    await insertTeams(tx, [team]).catch(refuseTakenName(name))
    await recordAuditEvent(tx, {
      ...eventOf(team, actor),
      action: 'team.created',
      after: { name, ...inWords(granted) },
    })
    return holdTeam(tx, team, 'join')
  })
}

/** @throws GatehouseError permission_denied, not_found, conflict when another team has the name */
export async function renameTeam(
  db: Queryable,
  { organization, actor }: TeamManagement,
  place: TeamPlace,
  { name }: { name?: string | undefined },
): Promise<Team> {
  requireAdminOf(actor, organization.id)
  return inTransaction(db, async (tx) => {
    const team = await holdTeam(tx, place, 'change')
    if (name === undefined || name === team.name) return team
    await updateTeam(tx, team, { name }).catch(refuseTakenName(name))
    const renamed = { ...team, name }
    await recordAuditEvent(tx, {
      ...eventOf(renamed, actor),
      action: 'team.updated',
      before: { name: team.name },
      after: { name },
    })
    return renamed
  })
}

/**
 * Deletes a team: its members lose at once what they had from it alone. Invitations and connections that put people into
 * it go on without it.
 * @throws GatehouseError permission_denied, not_found
 */
export async function deleteTeam(
  db: Queryable,
  { organization, actor }: TeamManagement,
  place: TeamPlace,
): Promise<void> {
  requireAdminOf(actor, organization.id)
  await inTransaction(db, async (tx) => {
    const team = await holdTeam(tx, place, 'change')
    const members = await listMembersOfTeams(tx, organization.id, [team.id])
    await deleteTeams(tx, organization.id, [team.id])
    await rewriteEffectiveAuthorization(tx, organization.id, members)
    const before = { name: team.name, ...inWords(team), members: members.length }
    await recordAuditEvent(tx, { ...eventOf(team, actor), action: 'team.deleted', before })
  })
}

/** A member of the organization, as `requireMembership` finds them. */
export interface TeamCandidate {
  /** Of the membership. */
  id: string
  userId: string
  email: string
}

/**
 * Puts a member into a team, or takes them out of it; where they are already, nothing changes.
 * @throws GatehouseError permission_denied; not_found, also when team or member went at the same moment
 */
export async function placeInTeam(
  db: Queryable,
  { organization, actor }: TeamManagement,
  { team: place, member }: { team: TeamPlace; member: TeamCandidate },
  change: 'join' | 'leave',
): Promise<void> {
  requireAdminOf(actor, organization.id)
  await inTransaction(db, async (tx) => {
    const team = await holdTeam(tx, place, 'join')
    const places = [{ teamId: team.id, membershipId: member.id }]
    const changed = await changeTeamMembers(tx, organization.id, { [change]: places })
    if (changed === 0) return
    await rewriteEffectiveAuthorization(tx, organization.id, [member.id])
    const teams = { [change === 'join' ? 'after' : 'before']: { team: { id: team.id, name: team.name } } }
    await recordAuditEvent(tx, {
      actor,
      action: change === 'join' ? 'member.joined_team' : 'member.left_team',
      subject: memberSubject({ id: member.userId, email: member.email }),
      organizationId: organization.id,
      ...teams,
    })
  })
}

function eventOf({ id, name, organizationId }: TeamPlace & { name: string }, actor: Administrator) {
  return { actor, subject: { kind: 'team', id, name }, organizationId }
}

function inWords({ permissions, dataScopes }: Grants) {
  return { permissions, data_scopes: dataScopes }
}

function refuseTakenName(name: string) {
  return (error: unknown): never => {
    if (!violates(error, 'teams_name_unique')) throw error
    throw new GatehouseError('conflict', `There is a team ${name} already.`)
  }
}
