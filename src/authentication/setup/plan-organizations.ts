import { canonicalGrants, type Grants } from '#directory/access/grants.ts'
import type { Encryption } from '#foundation/crypto/encryption.ts'
import { newId } from '#foundation/crypto/ids.ts'
import type { Team } from '#foundation/database/schema.ts'
import { emailKey } from '#foundation/values/email-address.ts'
import { changesOf, noteChange, type SetupPlan } from './changes.ts'
import { type CurrentMember, type CurrentOrganization, type CurrentSetup, connectionsOf } from './current-setup.ts'
import { planConnections } from './plan-connections.ts'
import type { MemberEntry, OrganizationEntry, SetupValues, TeamEntry } from './setup.ts'

/** One organization while it is planned. */
interface Scene {
  plan: SetupPlan
  id: string
  slug: string
  current: CurrentOrganization | undefined
}

/** @returns organization ids by slug, those of new organizations included */
export function planOrganizations(
  plan: SetupPlan,
  values: SetupValues,
  current: CurrentSetup,
  { userIds, encryption }: { userIds: ReadonlyMap<string, string>; encryption: Encryption },
): Map<string, string> {
  const ids = new Map([...current.organizations].map(([slug, organization]) => [slug, organization.id]))
  for (const entry of values.organizations ?? []) {
    const id = ids.get(entry.slug) ?? newId('organization')
    ids.set(entry.slug, id)
    const scene = { plan, id, slug: entry.slug, current: current.organizations.get(entry.slug) }
    planOrganization(scene, entry)
    const teams = planTeams(scene, entry.teams)
    if (entry.members) planMembers(scene, entry.members, teams, userIds)
    if (entry.connections) {
      const known = [...(scene.current?.teams.values() ?? []), ...teams.values()]
      const teamNames = new Map(known.map((team) => [team.id, team.name]))
      const connections = scene.current ? connectionsOf(current, id) : []
      planConnections({ plan, encryption, organization: scene, connections, teams, teamNames }, entry.connections)
    }
  }
  return ids
}

function planOrganization({ plan, id, slug, current }: Scene, entry: OrganizationEntry): void {
  const before = current && {
    name: current.name,
    logoUrl: current.logoUrl,
    accentColor: current.accentColor,
    active: current.suspendedAt === null,
  }
  const after = {
    name: entry.name ?? current?.name ?? slug,
    logoUrl: entry.branding ? (entry.branding.logo_url ?? null) : (current?.logoUrl ?? null),
    accentColor: entry.branding ? (entry.branding.accent_color ?? null) : (current?.accentColor ?? null),
    active: entry.active ?? true,
  }
  const domainsBefore = current?.domains.toSorted() ?? []
  const domainsAfter = entry.domains?.toSorted() ?? domainsBefore
  const action = noteChange(
    plan,
    { kind: 'organization', name: `organization ${slug}`, organizationId: id },
    before && inFileWords(before, domainsBefore),
    inFileWords(after, domainsAfter),
  )
  if (action === 'create') plan.writes.newOrganizations.push({ id, slug, ...after })
  const edit = changesOf(before, after)
  if (action === 'update' && Object.keys(edit).length > 0) plan.writes.organizationEdits.push({ id, edit })
  const add = domainsAfter.filter((domain) => !domainsBefore.includes(domain))
  const remove = domainsBefore.filter((domain) => !domainsAfter.includes(domain))
  if (add.length + remove.length > 0) plan.writes.domains.push({ organizationId: id, add, remove })
}

function inFileWords(
  organization: { name: string; logoUrl: string | null; accentColor: string | null; active: boolean },
  domains: string[],
) {
  const { name, active, logoUrl, accentColor } = organization
  return { name, active, logo_url: logoUrl, accent_color: accentColor, domains }
}

interface TeamName {
  id: string
  name: string
}

/** @returns the organization's teams as they will be, by name in lower case */
function planTeams(scene: Scene, entries: readonly TeamEntry[] | undefined): Map<string, TeamName> {
  const known: ReadonlyMap<string, Team> = scene.current?.teams ?? new Map()
  if (!entries) return new Map(known)
  const teams = new Map<string, TeamName>()
  for (const entry of entries) {
    const key = entry.name.toLowerCase()
    teams.set(key, { id: planTeam(scene, entry, known.get(key)), name: entry.name })
  }
  for (const [key, team] of known) {
    if (teams.has(key)) continue
    noteChange(scene.plan, teamSubject(scene, team.name), describeTeam(team.name, team), undefined)
    scene.plan.writes.removedTeams.push({ id: team.id, organizationId: scene.id })
  }
  return teams
}

function planTeam(scene: Scene, entry: TeamEntry, team: Team | undefined): string {
  const id = team?.id ?? newId('team')
  const grants = grantsOf(entry)
  const before = team && describeTeam(team.name, team)
  const action = noteChange(scene.plan, teamSubject(scene, entry.name), before, describeTeam(entry.name, grants))
  const { writes } = scene.plan
  if (action === 'create') writes.newTeams.push({ id, organizationId: scene.id, name: entry.name, ...grants })
  if (action === 'update') {
    writes.teamEdits.push({ id, organizationId: scene.id, edit: { name: entry.name, ...grants } })
  }
  return id
}

function teamSubject({ slug, id }: Scene, name: string) {
  return { kind: 'team' as const, name: `team ${slug}/${name}`, organizationId: id }
}

function describeTeam(name: string, grants: Grants) {
  const { permissions, dataScopes } = canonicalGrants(grants)
  return { name, permissions, data_scopes: dataScopes }
}

function planMembers(
  scene: Scene,
  entries: readonly MemberEntry[],
  teams: ReadonlyMap<string, TeamName>,
  userIds: ReadonlyMap<string, string>,
): void {
  const known: ReadonlyMap<string, CurrentMember> = scene.current?.members ?? new Map()
  const listed = new Set<string>()
  for (const entry of entries) {
    const key = emailKey(entry.email)
    listed.add(key)
    const userId = userIds.get(key)
    if (userId) planMember(scene, entry, { userId, teams, member: known.get(key) })
  }
  for (const [key, member] of known) {
    if (listed.has(key)) continue
    noteChange(scene.plan, memberSubject(scene, member.email), describeMember(scene, member), undefined)
    scene.plan.writes.removedMemberships.push({ id: member.id, organizationId: scene.id })
  }
}

function planMember(
  scene: Scene,
  entry: MemberEntry,
  known: { userId: string; teams: ReadonlyMap<string, TeamName>; member: CurrentMember | undefined },
): void {
  const { member, userId } = known
  const id = member?.id ?? newId('membership')
  const grants = grantsOf(entry)
  const state = { admin: entry.admin ?? false, active: entry.active ?? true }
  const teams = [...new Set((entry.teams ?? []).map((name) => known.teams.get(name.toLowerCase())))].filter(
    (team) => team !== undefined,
  )
  const before = member && describeMember(scene, member)
  const after = { ...state, teams: teams.map((team) => team.name).sort(), ...inWords(grants) }
  // A team that is only spelled differently now is no change of its members.
  if (before) before.teams = before.teams.map((name) => known.teams.get(name.toLowerCase())?.name ?? name).sort()
  const action = noteChange(scene.plan, memberSubject(scene, entry.email), before, after)
  if (!action) return
  const { writes } = scene.plan
  const organizationId = scene.id
  if (action === 'create') writes.newMemberships.push({ id, organizationId, userId, ...state })
  if (member) {
    const edit = changesOf({ admin: member.admin, active: member.deactivatedAt === null }, state)
    if (Object.keys(edit).length > 0) writes.membershipEdits.push({ id, organizationId, edit })
  }
  if (grants.permissions.length + grants.dataScopes.length > 0 || member) {
    writes.directGrants.push({ membershipId: id, organizationId, ...grants })
  }
  const wanted = new Set(teams.map((team) => team.id))
  const had = member?.teamIds ?? new Set<string>()
  for (const teamId of wanted) if (!had.has(teamId)) writes.join.push({ teamId, membershipId: id })
  for (const teamId of had) if (!wanted.has(teamId)) writes.leave.push({ teamId, membershipId: id })
}

function memberSubject({ slug, id }: Scene, email: string) {
  return { kind: 'membership' as const, name: `member ${slug}/${email}`, organizationId: id }
}

function describeMember({ current }: Scene, member: CurrentMember) {
  const teams = [...(current?.teams.values() ?? [])].filter((team) => member.teamIds.has(team.id))
  return {
    admin: member.admin,
    active: member.deactivatedAt === null,
    teams: teams.map((team) => team.name).sort(),
    ...inWords(canonicalGrants(member)),
  }
}

function inWords({ permissions, dataScopes }: Grants) {
  return { permissions, data_scopes: dataScopes }
}

function grantsOf(entry: Pick<TeamEntry, 'permissions' | 'data_scopes'>): Grants {
  return canonicalGrants({ permissions: entry.permissions ?? [], dataScopes: entry.data_scopes ?? [] })
}
