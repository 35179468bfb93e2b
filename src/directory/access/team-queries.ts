import { sql } from 'kysely'
import { cursorTime } from '#foundation/database/clock.ts'
import { isStorable, type Queryable } from '#foundation/database/database.ts'
import { isBeyond } from '#foundation/database/newest-first.ts'
import type { Team } from '#foundation/database/schema.ts'
import { startsWith } from '#foundation/database/starts-with.ts'
import { GatehouseError } from '#foundation/errors.ts'
import type { PageQuery, Position } from '#foundation/http/list.ts'

/** A team of an organization by its id or, in any spelling, its name. @throws GatehouseError not_found */
export async function requireTeam(db: Queryable, organizationId: string, idOrName: string): Promise<Team> {
  const team = isStorable(idOrName) ? await teamsOf(db, organizationId, idOrName).executeTakeFirst() : undefined
  return team ?? refuse()
}

/**
 * The same by id, held until the transaction ends: its grants and members stay (`change`), or only its being there, for
 * who puts somebody into it (`join`).
 * @throws GatehouseError not_found when it has gone meanwhile
 */
export async function holdTeam(
  tx: Queryable,
  { id, organizationId }: Pick<Team, 'id' | 'organizationId'>,
  purpose: 'change' | 'join',
): Promise<Team> {
  const team = tx.selectFrom('teams').selectAll().where('organizationId', '=', organizationId).where('id', '=', id)
  const held = purpose === 'change' ? team.forUpdate() : team.forShare()
  return (await held.executeTakeFirst()) ?? refuse()
}

/** A name may look like another team's id: the id counts. */
function teamsOf(db: Queryable, organizationId: string, idOrName: string) {
  return db
    .selectFrom('teams')
    .selectAll()
    .where('organizationId', '=', organizationId)
    .where((where) =>
      where.or([where('id', '=', idOrName), where(sql`lower(name)`, '=', sql<string>`lower(${idOrName})`)]),
    )
    .orderBy(sql`id = ${idOrName}`, 'desc')
    .limit(1)
}

function refuse(): never {
  throw new GatehouseError('not_found', 'There is no such team in this organization.')
}

/** A row of a list with its place in it. */
export type Listed<Row> = Row & { position: Position }

/**
 * An organization's teams, newest first; one row more than a page has, where there is one.
 * @param filter.q beginning of the name
 */
export async function listTeamPage(
  db: Queryable,
  organizationId: string,
  { limit, cursor }: PageQuery,
  { q }: { q?: string | undefined } = {},
): Promise<Listed<Team>[]> {
  let teams = db
    .selectFrom('teams')
    .selectAll()
    .select(cursorTime(sql`created_at`).as('at'))
    .where('organizationId', '=', organizationId)
  if (q !== undefined) teams = teams.where(startsWith(q, ['name']))
  if (cursor) teams = teams.where(isBeyond(cursor, ['createdAt', 'id']))
  const rows = await teams
    .orderBy('createdAt', 'desc')
    .orderBy('id', 'desc')
    .limit(limit + 1)
    .execute()
  return rows.map(({ at, ...team }) => ({ ...team, position: { at, id: team.id } }))
}

/** A team as somebody chooses it. */
export type NamedTeam = Pick<Team, 'id' | 'name'>

/** An organization's teams by name, the first few. @param filter.q beginning of the name */
export function listTeamNames(
  db: Queryable,
  organizationId: string,
  { q, limit }: { q?: string | undefined; limit: number },
): Promise<NamedTeam[]> {
  let teams = db.selectFrom('teams').select(['id', 'name']).where('organizationId', '=', organizationId)
  if (q !== undefined) teams = teams.where(startsWith(q, ['name']))
  return teams.orderBy(sql`lower(name)`).orderBy('id').limit(limit).execute()
}

/** How many are in each of these teams, by id; a team with nobody in it is not there. */
export async function countMembersOfTeams(db: Queryable, teamIds: readonly string[]): Promise<Map<string, number>> {
  const counts = await db
    .selectFrom('teamMembers')
    .select('teamId')
    .select((count) => count.fn.countAll<string>().as('members'))
    .where(sql<boolean>`team_id = any(${teamIds}::text[])`)
    .groupBy('teamId')
    .execute()
  return new Map(counts.map(({ teamId, members }) => [teamId, Number(members)]))
}

export interface TeamMember {
  userId: string
  email: string
  name: string
  admin: boolean
  /** False where the person or their membership is switched off: the team gives them nothing then. */
  active: boolean
  /** When they came into the team. */
  createdAt: Date
}

/** Who is in a team, the last who came first; one row more than a page has, where there is one. */
export async function listTeamMembers(
  db: Queryable,
  teamId: string,
  { limit, cursor }: PageQuery,
): Promise<Listed<TeamMember>[]> {
  let members = db
    .selectFrom('teamMembers as p')
    .innerJoin('memberships as m', 'm.id', 'p.membershipId')
    .innerJoin('users as u', 'u.id', 'm.userId')
    .select(['p.membershipId', 'p.createdAt', 'u.id as userId', 'u.email', 'u.name', 'm.admin'])
    .select(sql<boolean>`m.deactivated_at is null and u.deactivated_at is null`.as('active'))
    .select(cursorTime(sql`p.created_at`).as('at'))
    .where('p.teamId', '=', teamId)
  if (cursor) members = members.where(isBeyond(cursor, ['p.createdAt', 'p.membershipId']))
  const rows = await members
    .orderBy('p.createdAt', 'desc')
    .orderBy('p.membershipId', 'desc')
    .limit(limit + 1)
    .execute()
  return rows.map(({ at, membershipId, ...member }) => ({ ...member, position: { at, id: membershipId } }))
}

/** Those of the teams that the organization has, in the order in which they are locked. */
export async function listTeamIds(
  tx: Queryable,
  organizationId: string,
  teamIds: readonly string[],
): Promise<string[]> {
  if (teamIds.length === 0) return []
  const teams = await tx
    .selectFrom('teams')
    .select('id')
    .where('organizationId', '=', organizationId)
    .where('id', 'in', teamIds)
    .orderBy('id')
    .execute()
  return teams.map((team) => team.id)
}

/** All teams of organizations. */
export function listTeams(db: Queryable, organizationIds: readonly string[]): Promise<Team[]> {
  return db
    .selectFrom('teams')
    .selectAll()
    .where(sql<boolean>`organization_id = any(${organizationIds}::text[])`)
    .execute()
}

/** Which memberships are in which teams of organizations. */
export function listTeamPlaces(
  db: Queryable,
  organizationIds: readonly string[],
): Promise<{ teamId: string; membershipId: string }[]> {
  return db
    .selectFrom('teamMembers as p')
    .innerJoin('teams as t', 't.id', 'p.teamId')
    .select(['p.membershipId', 'p.teamId'])
    .where(sql<boolean>`t.organization_id = any(${organizationIds}::text[])`)
    .execute()
}

/** A team as one of the places that its members have their rights from. */
export type TeamGrants = Pick<Team, 'id' | 'name' | 'permissions' | 'dataScopes'>

/** The teams of each of these memberships of an organization, in the order of their ids; each team is one object. */
export async function readTeamsOfMembers(
  db: Queryable,
  organizationId: string,
  membershipIds: readonly string[],
): Promise<Map<string, TeamGrants[]>> {
  const places = await db
    .selectFrom('teamMembers')
    .select(['membershipId', 'teamId'])
    .where(sql<boolean>`membership_id = any(${membershipIds}::text[])`)
    .orderBy('teamId')
    .execute()
  const teams = await readTeams(
    db,
    organizationId,
    places.map(({ teamId }) => teamId),
  )
  const teamsOf = new Map<string, TeamGrants[]>()
  for (const { membershipId, teamId } of places) {
    const team = teams.get(teamId)
    if (!team) continue
    const others = teamsOf.get(membershipId)
    if (others) others.push(team)
    else teamsOf.set(membershipId, [team])
  }
  return teamsOf
}

/** Those of the teams that the organization has, by id. */
export async function readTeams(
  db: Queryable,
  organizationId: string,
  ids: readonly string[],
): Promise<Map<string, TeamGrants>> {
  const teams = await db
    .selectFrom('teams')
    .select(['id', 'name', 'permissions', 'dataScopes'])
    .where('organizationId', '=', organizationId)
    .where(sql<boolean>`id = any(${[...new Set(ids)]}::text[])`)
    .execute()
  return new Map(teams.map((team) => [team.id, team]))
}
