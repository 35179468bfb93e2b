import { sql } from 'kysely'
import { cursorTime } from '#foundation/database/clock.ts'
import { isStorable, type Queryable } from '#foundation/database/database.ts'
import { isBeyond } from '#foundation/database/newest-first.ts'
import type { Membership } from '#foundation/database/schema.ts'
import { startsWith } from '#foundation/database/starts-with.ts'
import { GatehouseError } from '#foundation/errors.ts'
import type { PageQuery } from '#foundation/http/list.ts'
import { emailKey } from '#foundation/values/email-address.ts'

/** Whom to ask for more rights: an organization's active admins by name, the first few. */
export async function listAdminNames(db: Queryable, organizationId: string, limit: number): Promise<string[]> {
  const admins = await db
    .selectFrom('memberships as m')
    .innerJoin('users as u', 'u.id', 'm.userId')
    .select('u.name')
    .where('m.organizationId', '=', organizationId)
    .where('m.admin', '=', true)
    .where('m.deactivatedAt', 'is', null)
    .where('u.deactivatedAt', 'is', null)
    .orderBy('u.name')
    .orderBy('u.id')
    .limit(limit)
    .execute()
  return admins.map(({ name }) => name)
}

/** A member of an organization as others choose them. */
export interface Member {
  id: string
  email: string
  name: string
}

/** A member of an organization, active or not, by user id or e-mail address. */
export async function findMember(
  db: Queryable,
  organizationId: string,
  idOrEmail: string,
): Promise<Member | undefined> {
  if (!isStorable(idOrEmail)) return undefined
  return db
    .selectFrom('memberships as m')
    .innerJoin('users as u', 'u.id', 'm.userId')
    .select(['u.id', 'u.email', 'u.name'])
    .where('m.organizationId', '=', organizationId)
    .where((where) => where.or([where('u.id', '=', idOrEmail), where(sql`lower(u.email)`, '=', emailKey(idOrEmail))]))
    .executeTakeFirst()
}

/** @throws GatehouseError not_found, also for a member of another organization only */
export async function requireMember(db: Queryable, organizationId: string, idOrEmail: string): Promise<Member> {
  const member = await findMember(db, organizationId, idOrEmail)
  if (!member) throw new GatehouseError('not_found', 'There is no such member in this organization.')
  return member
}

/** An organization's members, active or not, by name, the first few. */
export function listMembers(
  db: Queryable,
  organizationId: string,
  limit: number,
): Promise<(Member & { superadmin: boolean; active: boolean })[]> {
  return db
    .selectFrom('memberships as m')
    .innerJoin('users as u', 'u.id', 'm.userId')
    .select(['u.id', 'u.email', 'u.name', 'u.superadmin'])
    .select(sql<boolean>`m.deactivated_at is null and u.deactivated_at is null`.as('active'))
    .where('m.organizationId', '=', organizationId)
    .orderBy('u.name')
    .orderBy('u.id')
    .limit(limit)
    .execute()
}

/** A membership with the address of its member, and whether that person is switched off everywhere. */
export type MembershipWithEmail = Membership & { email: string; userDeactivatedAt: Date | null }

/** Which of these addresses are members' of an organization, in lower case, and whether they are switched on there. */
export async function readMembersByEmail(
  db: Queryable,
  organizationId: string,
  emails: readonly string[],
): Promise<Map<string, { active: boolean }>> {
  const members = await db
    .selectFrom('memberships as m')
    .innerJoin('users as u', 'u.id', 'm.userId')
    .select(sql<string>`lower(u.email)`.as('key'))
    .select(sql<boolean>`m.deactivated_at is null`.as('active'))
    .where('m.organizationId', '=', organizationId)
    .where(sql<boolean>`lower(u.email) = any(${emails.map(emailKey)}::text[])`)
    .execute()
  return new Map(members.map(({ key, active }) => [key, { active }]))
}

/** All memberships of organizations, active or not. */
export function listMemberships(db: Queryable, organizationIds: readonly string[]): Promise<MembershipWithEmail[]> {
  return db
    .selectFrom('memberships as m')
    .innerJoin('users as u', 'u.id', 'm.userId')
    .selectAll('m')
    .select(['u.email', 'u.deactivatedAt as userDeactivatedAt'])
    .where(sql<boolean>`m.organization_id = any(${organizationIds}::text[])`)
    .execute()
}

/** Where a person belongs, active there or not. */
export function listMembershipsOf(
  db: Queryable,
  userId: string,
): Promise<Pick<Membership, 'id' | 'organizationId' | 'admin'>[]> {
  return db.selectFrom('memberships').select(['id', 'organizationId', 'admin']).where('userId', '=', userId).execute()
}

/** Which of these people are members, active or not, of which of these organizations. */
export function listMembershipsOfUsers(
  db: Queryable,
  { organizationIds, userIds }: { organizationIds: readonly string[]; userIds: readonly string[] },
): Promise<Pick<Membership, 'organizationId' | 'userId'>[]> {
  return db
    .selectFrom('memberships')
    .select(['organizationId', 'userId'])
    .where(sql<boolean>`organization_id = any(${organizationIds}::text[]) and user_id = any(${userIds}::text[])`)
    .execute()
}

/** The members of an organization who have proved their address, with the names of their teams, by address. */
export function membersForExport(db: Queryable, organizationId: string) {
  return db
    .selectFrom('memberships as m')
    .innerJoin('users as u', 'u.id', 'm.userId')
    .select(['u.email', 'm.admin', 'm.permissions', 'm.dataScopes', 'm.deactivatedAt'])
    .select(
      sql<string[] | null>`(
        select json_agg(t.name) from team_members p join teams t on t.id = p.team_id where p.membership_id = m.id)`.as(
        'teams',
      ),
    )
    .where('m.organizationId', '=', organizationId)
    .where('u.emailVerifiedAt', 'is not', null)
    .orderBy(sql`lower(u.email) collate "C"`)
}

export type NamedMembership = MembershipWithEmail & { name: string }

/** A membership, active or not, by user id or e-mail address of its member. */
export async function findMembership(
  db: Queryable,
  organizationId: string,
  idOrEmail: string,
): Promise<NamedMembership | undefined> {
  if (!isStorable(idOrEmail)) return undefined
  return db
    .selectFrom('memberships as m')
    .innerJoin('users as u', 'u.id', 'm.userId')
    .selectAll('m')
    .select(['u.email', 'u.name', 'u.deactivatedAt as userDeactivatedAt'])
    .where('m.organizationId', '=', organizationId)
    .where((where) => where.or([where('u.id', '=', idOrEmail), where(sql`lower(u.email)`, '=', emailKey(idOrEmail))]))
    .executeTakeFirst()
}

/** Ids of the memberships of an organization's active admins. */
export async function listActiveAdmins(db: Queryable, organizationId: string): Promise<string[]> {
  const admins = await db
    .selectFrom('memberships as m')
    .innerJoin('users as u', 'u.id', 'm.userId')
    .select('m.id')
    .where('m.organizationId', '=', organizationId)
    .where('m.admin', '=', true)
    .where('m.deactivatedAt', 'is', null)
    .where('u.deactivatedAt', 'is', null)
    .execute()
  return admins.map(({ id }) => id)
}

/** Those of these people who are an active admin of an organization that has none but of them. */
export async function listLastAdmins(db: Queryable, userIds: readonly string[]): Promise<string[]> {
  if (userIds.length === 0) return []
  const { rows } = await sql<{ userId: string }>`
    select distinct m.user_id from memberships m join users u on u.id = m.user_id
    where m.user_id = any(${userIds}::text[]) and m.admin and m.deactivated_at is null and u.deactivated_at is null
      and not exists (
        select from memberships o join users p on p.id = o.user_id
        where o.organization_id = m.organization_id and o.admin and o.deactivated_at is null and p.deactivated_at is null
          and not o.user_id = any(${userIds}::text[]))`.execute(db)
  return rows.map(({ userId }) => userId)
}

/** A member as lists and their own page tell of them. */
export interface ListedMember extends NamedMembership {
  superadmin: boolean
  teams: { id: string; name: string }[]
  at: string
}

export interface MemberFilter {
  /** Beginning of the address or of the name. */
  q?: string | undefined
  admin?: boolean | undefined
  active?: boolean | undefined
  /** A team's id. */
  teamId?: string | undefined
  /** Whether something is granted to them directly. */
  granted?: boolean | undefined
  /** Of a team that they are not in. */
  notInTeamId?: string | undefined
}

/** An organization's members, newest first. */
export function listMembersNewestFirst(
  db: Queryable,
  organizationId: string,
  { q, admin, active, teamId, notInTeamId, granted }: MemberFilter,
  { limit, cursor }: PageQuery,
): Promise<ListedMember[]> {
  let query = listedMembers(db, organizationId)
  if (q !== undefined) query = query.where(startsWith(q, ['u.email', 'u.name']))
  if (admin !== undefined) query = query.where('m.admin', '=', admin)
  if (active !== undefined) query = query.where('m.deactivatedAt', active ? 'is' : 'is not', null)
  const placesIn = (team: string) => db.selectFrom('teamMembers').select('membershipId').where('teamId', '=', team)
  if (teamId !== undefined) query = query.where('m.id', 'in', placesIn(teamId))
  if (notInTeamId !== undefined) query = query.where('m.id', 'not in', placesIn(notInTeamId))
  if (granted !== undefined) {
    query = query.where(sql<boolean>`(m.permissions != '[]' or m.data_scopes != '[]') = ${granted}`)
  }
  if (cursor) query = query.where(isBeyond(cursor, ['m.createdAt', 'm.id']))
  return query
    .orderBy('m.createdAt', 'desc')
    .orderBy('m.id', 'desc')
    .limit(limit + 1)
    .execute()
}

/** @throws GatehouseError not_found */
export async function requireListedMember(
  db: Queryable,
  organizationId: string,
  idOrEmail: string,
): Promise<ListedMember> {
  const { id } = await requireMember(db, organizationId, idOrEmail)
  return listedMembers(db, organizationId).where('m.userId', '=', id).executeTakeFirstOrThrow()
}

function listedMembers(db: Queryable, organizationId: string) {
  return db
    .selectFrom('memberships as m')
    .innerJoin('users as u', 'u.id', 'm.userId')
    .selectAll('m')
    .select(['u.email', 'u.name', 'u.superadmin', 'u.deactivatedAt as userDeactivatedAt'])
    .select(cursorTime(sql.ref('m.createdAt')).as('at'))
    .select(
      sql<{ id: string; name: string }[]>`coalesce((
        select json_agg(json_build_object('id', t.id, 'name', t.name) order by lower(t.name))
        from team_members p join teams t on t.id = p.team_id where p.membership_id = m.id), '[]')`.as('teams'),
    )
    .where('m.organizationId', '=', organizationId)
}
