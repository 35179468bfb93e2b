import { rewriteEffectiveAuthorization } from '#directory/access/effective-authorization.ts'
import { changeTeamMembers } from '#directory/access/save-team.ts'
import { listTeamIds } from '#directory/access/team-queries.ts'
import { memberSubject } from '#directory/users/audit-subjects.ts'
import { recordAuditEvent } from '#foundation/audit/record-audit-event.ts'
import type { Queryable } from '#foundation/database/database.ts'
import type { Connection, Organization, User } from '#foundation/database/schema.ts'
import { providerOf } from './connection.ts'

/**
 * Puts a member into the teams that their groups stand for and takes them out of those they don't, at each sign-in; at
 * the first one into the default teams as well. Only teams that the connection names are touched, and only its own
 * organization's: what the provider says gives nothing else. A group claim that is missing means no group.
 */
export async function applyTeamMapping(
  tx: Queryable,
  mapping: {
    connection: Pick<Connection, 'id' | 'name' | 'defaultTeamIds' | 'groupClaim' | 'groupTeamIds'>
    organization: Pick<Organization, 'id' | 'slug'>
    user: Pick<User, 'id' | 'email'>
    membershipId: string
    groups: readonly string[]
    first: boolean
  },
): Promise<void> {
  const { connection, organization, user, membershipId } = mapping
  const { join, leave } = await teamChanges(tx, mapping)
  if (join.length === 0 && leave.length === 0) return
  const placeIn = (teamId: string) => ({ teamId, membershipId })
  await changeTeamMembers(tx, organization.id, { join: join.map(placeIn), leave: leave.map(placeIn) })
  await rewriteEffectiveAuthorization(tx, organization.id, [membershipId])
  await recordAuditEvent(tx, {
    actor: providerOf(connection),
    action: 'member.teams_mapped',
    subject: memberSubject(user),
    organizationId: organization.id,
    after: { connection: connection.name, joined: join, left: leave },
  })
}

/** Into which teams a sign-in takes a member, and out of which. @param of.membershipId undefined: not a member yet */
export async function teamChanges(
  db: Queryable,
  of: {
    connection: Pick<Connection, 'defaultTeamIds' | 'groupClaim' | 'groupTeamIds'>
    organization: Pick<Organization, 'id'>
    membershipId: string | undefined
    groups: readonly string[]
    first: boolean
  },
): Promise<{ join: string[]; leave: string[] }> {
  const { connection, organization, membershipId, first } = of
  const { mapped, wanted } = teamsOfGroups(connection, of.groups)
  const byDefault = first ? connection.defaultTeamIds.filter((id) => !mapped.has(id)) : []
  const known = await listTeamIds(db, organization.id, [...new Set([...mapped, ...byDefault])])
  const current = membershipId === undefined ? new Set() : await teamsOfMembership(db, organization.id, membershipId)
  return {
    join: known.filter((id) => (wanted.has(id) || byDefault.includes(id)) && !current.has(id)),
    leave: known.filter((id) => mapped.has(id) && !wanted.has(id) && current.has(id)),
  }
}

/** `mapped`: every team that some group stands for. `wanted`: those of this person's groups. */
function teamsOfGroups(
  { groupClaim, groupTeamIds }: Pick<Connection, 'groupClaim' | 'groupTeamIds'>,
  groups: readonly string[],
): { mapped: Set<string>; wanted: Set<string> } {
  if (groupClaim === null) return { mapped: new Set(), wanted: new Set() }
  const held = new Set(groups)
  const teams = Object.entries(groupTeamIds)
  return {
    mapped: new Set(teams.map(([, teamId]) => teamId)),
    wanted: new Set(teams.filter(([group]) => held.has(group)).map(([, teamId]) => teamId)),
  }
}

async function teamsOfMembership(tx: Queryable, organizationId: string, membershipId: string): Promise<Set<string>> {
  const places = await tx
    .selectFrom('teamMembers as p')
    .innerJoin('memberships as m', 'm.id', 'p.membershipId')
    .select('p.teamId')
    .where('m.organizationId', '=', organizationId)
    .where('m.id', '=', membershipId)
    .execute()
  return new Set(places.map(({ teamId }) => teamId))
}
