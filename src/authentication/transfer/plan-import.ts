import type { NewTeam, TeamPlace } from '#directory/access/save-team.ts'
import { listTeams } from '#directory/access/team-queries.ts'
import { listMembershipsOfUsers } from '#directory/organizations/membership-queries.ts'
import { listOrganizationsBySlug } from '#directory/organizations/organization-queries.ts'
import type { NewMembership } from '#directory/organizations/save-membership.ts'
import { memberSubject, userSubject } from '#directory/users/audit-subjects.ts'
import type { NewUser } from '#directory/users/save-user.ts'
import { listUsers } from '#directory/users/user-queries.ts'
import type { AuditEvent } from '#foundation/audit/record-audit-event.ts'
import { newId } from '#foundation/crypto/ids.ts'
import type { Queryable } from '#foundation/database/database.ts'
import { didYouMean } from '#foundation/values/did-you-mean.ts'
import { emailKey } from '#foundation/values/email-address.ts'
import type { BadRow, ImportRow } from './import-row.ts'

/** What a batch of rows makes, and which of them it can't use. */
export interface ImportPlan {
  users: NewUser[]
  teams: NewTeam[]
  memberships: NewMembership[]
  places: (TeamPlace & { organizationId: string })[]
  events: Omit<AuditEvent, 'actor'>[]
  skipped: number
  bad: BadRow[]
}

/** What the rows name, as it is and, row by row, as it will be. */
interface Scene {
  plan: ImportPlan
  createTeams: boolean
  /** By address in lower case. */
  people: Map<string, { id: string; email: string; isProven: boolean }>
  /** By slug. */
  organizations: Map<string, OrganizationScene>
}

interface OrganizationScene {
  id: string
  slug: string
  /** Ids by name in lower case. */
  teams: Map<string, string>
  /** User ids. */
  members: Set<string>
}

/** A handful of statements, however many rows. */
export async function planImport(
  tx: Queryable,
  rows: readonly ImportRow[],
  { createTeams }: { createTeams: boolean },
): Promise<ImportPlan> {
  const plan: ImportPlan = { users: [], teams: [], memberships: [], places: [], events: [], skipped: 0, bad: [] }
  const scene = { plan, createTeams, ...(await readScene(tx, rows)) }
  for (const row of rows) {
    const reason = problemOf(scene, row)
    if (reason === undefined) planRow(scene, row)
    else plan.bad.push({ line: row.line, reason })
  }
  return plan
}

async function readScene(tx: Queryable, rows: readonly ImportRow[]) {
  const users = await listUsers(tx, { emails: rows.map(({ email }) => emailKey(email)), ids: [] })
  const slugs = [...new Set(rows.flatMap(({ organization }) => organization ?? []))]
  const organizations = await listOrganizationsBySlug(tx, slugs)
  const organizationIds = organizations.map(({ id }) => id)
  const teams = Map.groupBy(await listTeams(tx, organizationIds), (team) => team.organizationId)
  const memberships = Map.groupBy(
    await listMembershipsOfUsers(tx, { organizationIds, userIds: users.map(({ id }) => id) }),
    (membership) => membership.organizationId,
  )
  return {
    people: new Map(
      users.map(({ id, email, emailVerifiedAt }) => [
        emailKey(email),
        { id, email, isProven: emailVerifiedAt !== null },
      ]),
    ),
    organizations: new Map(
      organizations.map(({ id, slug }): [string, OrganizationScene] => [
        slug,
        {
          id,
          slug,
          teams: new Map((teams.get(id) ?? []).map((team) => [team.name.toLowerCase(), team.id])),
          members: new Set((memberships.get(id) ?? []).map(({ userId }) => userId)),
        },
      ]),
    ),
  }
}

function problemOf(scene: Scene, row: ImportRow): string | undefined {
  const person = scene.people.get(emailKey(row.email))
  if (row.organization === undefined) return undefined
  const organization = scene.organizations.get(row.organization)
  if (!organization) return `organization: there is none ${JSON.stringify(row.organization)}`
  if (person && organization.members.has(person.id)) return undefined
  // Whoever registered it may be a stranger, who would be a member then.
  if (person && !person.isProven) return 'email: there is an account of this address, which was never verified'
  const missing = scene.createTeams ? undefined : row.teams.find((name) => !organization.teams.has(name.toLowerCase()))
  if (missing === undefined) return undefined
  const meant = didYouMean(missing, organization.teams.keys())
  return `teams: ${row.organization} has no team ${JSON.stringify(missing)} (--create-teams makes it)${meant}`
}

function planRow(scene: Scene, row: ImportRow): void {
  const { plan, people } = scene
  const known = people.get(emailKey(row.email))
  const person = known ?? { id: newId('user'), email: row.email, isProven: true }
  if (!known) {
    people.set(emailKey(row.email), person)
    planUser(plan, person.id, row)
  }
  const organization = row.organization === undefined ? undefined : scene.organizations.get(row.organization)
  if (organization && !organization.members.has(person.id)) planMembership(scene, row, { person, organization })
  else if (known) plan.skipped++
}

function planUser(plan: ImportPlan, id: string, { email, name, passwordHash, active }: ImportRow): void {
  plan.users.push({ id, email, name, passwordHash, emailVerified: true, superadmin: false, active })
  const after = { email, name, active, password: passwordHash === null ? 'none' : 'imported' }
  plan.events.push({ action: 'user.created', subject: userSubject({ id, email }), after })
}

function planMembership(
  { plan }: Scene,
  { teams, admin, active }: ImportRow,
  { person, organization }: { person: { id: string; email: string }; organization: OrganizationScene },
): void {
  const organizationId = organization.id
  const id = newId('membership')
  organization.members.add(person.id)
  plan.memberships.push({ id, organizationId, userId: person.id, admin, active })
  for (const name of new Map(teams.map((team) => [team.toLowerCase(), team])).values()) {
    plan.places.push({ teamId: teamNamed(plan, organization, name), membershipId: id, organizationId })
  }
  const after = { admin, active, teams }
  plan.events.push({ action: 'member.added', subject: memberSubject(person), organizationId, after })
}

function teamNamed(plan: ImportPlan, organization: OrganizationScene, name: string): string {
  const known = organization.teams.get(name.toLowerCase())
  if (known !== undefined) return known
  const id = newId('team')
  const organizationId = organization.id
  organization.teams.set(name.toLowerCase(), id)
  plan.teams.push({ id, organizationId, name, permissions: [], dataScopes: [] })
  plan.events.push({
    action: 'team.created',
    subject: { kind: 'team', id, name },
    organizationId,
    after: { name, permissions: [], data_scopes: [] },
  })
  return id
}
