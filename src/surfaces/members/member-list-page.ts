import { z } from 'zod'
import { countOpenInvitations } from '#authentication/joining/invitation-queries.ts'
import { requireTeam } from '#directory/access/team-queries.ts'
import {
  type ListedMember,
  listMembersNewestFirst,
  type MemberFilter,
} from '#directory/organizations/membership-queries.ts'
import type { Queryable } from '#foundation/database/database.ts'
import type { Team } from '#foundation/database/schema.ts'
import { GatehouseError } from '#foundation/errors.ts'
import { pageOf, pageQuery } from '#foundation/http/list.ts'
import { parse } from '#foundation/http/parse.ts'
import { plainText } from '#foundation/values/names.ts'
import { type MembersRequest, membersPath, pathOfMember } from './members-request.ts'
import { readTeamField } from './team-choice.ts'

const pageSize = 25
const mostTeamsShown = 3

const kinds = ['admins', 'deactivated'] as const

const listQuery = z.object({
  q: plainText(254).catch(''),
  who: z.enum(kinds).or(z.literal('')).catch(''),
  team: plainText(200).catch(''),
  cursor: pageQuery.cursor.catch(undefined),
  done: z.enum(['removed']).optional().catch(undefined),
})

/** Everybody who belongs to the organization, the newest first. */
export async function showMembers({ db, ctx, actor, signedIn, show }: MembersRequest): Promise<void> {
  const { organizationId } = actor
  const { cursor, done, ...filter } = parse(listQuery, { ...ctx.query })
  const [team, teamField, openInvitations] = await Promise.all([
    filter.team === '' ? undefined : findTeam(db, organizationId, filter.team),
    readTeamField(db, organizationId),
    countOpenInvitations(db, organizationId),
  ])
  const isUnknownTeam = filter.team !== '' && !team
  const found = isUnknownTeam
    ? []
    : await listMembersNewestFirst(db, organizationId, filterOf(filter, team), { limit: pageSize, cursor })
  const { items, next_cursor: older } = pageOf(found, pageSize, ({ at, id }) => ({ at, id }), memberRow)
  const kept = new URLSearchParams(
    Object.entries({ ...filter, team: team?.id ?? filter.team }).filter(([, value]) => value),
  )
  const isFiltered = kept.size > 0
  await show('members/list', {
    at: membersPath,
    organizationName: signedIn.organization.name,
    openInvitations,
    filter: { ...filter, team: teamField.isSearched ? (team?.name ?? filter.team) : (team?.id ?? filter.team) },
    kinds,
    teamField,
    isUnknownTeam,
    isFiltered,
    members: items,
    isAlone: !isFiltered && cursor === undefined && items.length === 1,
    isFirstPage: cursor === undefined,
    newestUrl: `${membersPath}?${kept}`,
    olderUrl: older && `${membersPath}?${kept}${isFiltered ? '&' : ''}cursor=${older}`,
    done,
  })
}

function filterOf({ q, who }: { q: string; who: string }, team: Team | undefined): MemberFilter {
  return {
    q: q || undefined,
    teamId: team?.id,
    admin: who === 'admins' ? true : undefined,
    active: who === 'deactivated' ? false : undefined,
  }
}

/** A member as lists show them. */
export function memberRow({ userId, email, name, admin, superadmin, teams, createdAt, ...member }: ListedMember) {
  return {
    path: pathOfMember(userId),
    userId,
    email,
    name,
    admin,
    superadmin,
    isActive: member.deactivatedAt === null,
    hasAccount: member.userDeactivatedAt === null,
    teams: teams.slice(0, mostTeamsShown),
    moreTeams: Math.max(0, teams.length - mostTeamsShown),
    createdAt,
  }
}

async function findTeam(db: Queryable, organizationId: string, idOrName: string): Promise<Team | undefined> {
  try {
    return await requireTeam(db, organizationId, idOrName)
  } catch (error) {
    if (error instanceof GatehouseError && error.code === 'not_found') return undefined
    throw error
  }
}
