import type { NewOrganization } from '#directory/organizations/save-organization.ts'
import type { Encryption } from '#foundation/crypto/encryption.ts'
import { newId } from '#foundation/crypto/ids.ts'
import { changesOf, noteChange } from './changes.ts'
import { connectionsOf } from './current-setup.ts'
import { noticeLookAlikes } from './notice-look-alikes.ts'
import { planConnections } from './plan-connections.ts'
import { planMembers } from './plan-members.ts'
import { planTeams } from './plan-teams.ts'
import type { PlannedPerson } from './plan-users.ts'
import { leaveAlone, notice, type Planning, remember, type Scene, standingOf } from './planning.ts'
import type { OrganizationEntry } from './setup.ts'
import type { Path } from './setup-error.ts'

/** @returns organization ids by slug, those of new organizations included; without those that are left alone */
export function planOrganizations(
  planning: Planning,
  { people, encryption }: { people: ReadonlyMap<string, PlannedPerson>; encryption: Encryption },
): Map<string, string> {
  const { current, setup } = planning
  const ids = new Map([...current.organizations].map(([slug, organization]) => [slug, organization.id]))
  for (const [index, entry] of (setup.values.organizations ?? []).entries()) {
    const scene = enter(planning, entry, ['organizations', index])
    if (!scene) {
      ids.delete(entry.slug)
      continue
    }
    ids.set(entry.slug, scene.id)
    const teams = planTeams(scene, entry.teams)
    if (entry.members) planMembers(scene, entry.members, { teams, people })
    if (entry.connections) {
      const known = [...(scene.organization?.teams.values() ?? []), ...teams.values()]
      const teamNames = new Map(known.map((team) => [team.id, team.name]))
      const connections = scene.organization ? connectionsOf(current, scene.id) : []
      const owner = { ...scene, owner: scene, encryption, connections, teams, teamNames }
      planConnections(owner, entry.connections)
    }
  }
  noticeLookAlikes(planning, ids)
  return ids
}

/** @returns undefined for an organization of others' making, which is left alone with all that the entry lists */
function enter(planning: Planning, entry: OrganizationEntry, path: Path): Scene | undefined {
  const { slug, exclusive = false } = entry
  const organization = planning.current.organizations.get(slug)
  const id = organization?.id ?? newId('organization')
  const standing = organization && standingOf(planning, { kind: 'organization', objectId: id }, entry)
  if (standing === 'foreign') {
    leaveAlone(planning, path, `organization ${slug}, with all that is listed in it,`)
    return undefined
  }
  if (standing === 'adopted' && !exclusive) {
    notice(
      planning,
      path,
      `organization ${slug} keeps its members and admins; exclusive: true removes those not listed`,
    )
  }
  const scene = { ...planning, id, slug, path, organization, exclusive }
  planOrganization(scene, entry, standing === 'adopted')
  remember(planning, { kind: 'organization', name: slug, objectId: id, declared: {} })
  return scene
}

function planOrganization(scene: Scene, entry: OrganizationEntry, adopted: boolean): void {
  const { plan, id, slug, organization } = scene
  const before = organization && {
    name: organization.name,
    logoUrl: organization.logoUrl,
    accentColor: organization.accentColor,
    joinByDomain: organization.joinByDomain,
    defaultLocale: organization.defaultLocale,
    active: organization.suspendedAt === null,
  }
  const after = {
    name: entry.name ?? organization?.name ?? slug,
    logoUrl: entry.branding ? (entry.branding.logo_url ?? null) : (organization?.logoUrl ?? null),
    accentColor: entry.branding ? (entry.branding.accent_color ?? null) : (organization?.accentColor ?? null),
    joinByDomain: entry.join_by_domain ?? organization?.joinByDomain ?? false,
    defaultLocale: entry.default_locale ?? organization?.defaultLocale ?? null,
    active: entry.active ?? before?.active ?? true,
  }
  const domainsBefore = organization?.domains.toSorted() ?? []
  const domainsAfter = entry.domains ? freeDomains(scene, entry.domains).toSorted() : domainsBefore
  const action = noteChange(
    plan,
    { kind: 'organization', id, name: slug, title: `organization ${slug}`, organizationId: id },
    before && inFileWords(before, domainsBefore),
    inFileWords(after, domainsAfter),
    adopted,
  )
  if (action === 'create') plan.writes.newOrganizations.push({ id, slug, ...after })
  const edit = changesOf(before, after)
  if (before && Object.keys(edit).length > 0) plan.writes.organizationEdits.push({ id, edit })
  const add = domainsAfter.filter((domain) => !domainsBefore.includes(domain))
  const remove = domainsBefore.filter((domain) => !domainsAfter.includes(domain))
  if (add.length + remove.length > 0) plan.writes.domains.push({ organizationId: id, add, remove })
}

/** Without those that another organization has verified, unless it is the file's own and gives them up. */
function freeDomains(scene: Scene, domains: readonly string[]): string[] {
  const { current, setup, slug, path } = scene
  const givesUp = (owner: string) => {
    const entry = setup.values.organizations?.find((other) => other.slug === owner)
    const objectId = current.organizations.get(owner)?.id ?? ''
    return entry?.domains !== undefined && standingOf(scene, { kind: 'organization', objectId }, entry) !== 'foreign'
  }
  return domains.filter((domain, index) => {
    const owner = current.domainOwners.get(domain)
    if (owner === undefined || owner === slug || givesUp(owner)) return true
    notice(
      scene,
      [...path, 'domains', index],
      `is left out: it belongs to organization ${owner}; remove it there first`,
    )
    return false
  })
}

function inFileWords(organization: Omit<NewOrganization, 'id' | 'slug'>, domains: string[]) {
  const { name, active, logoUrl, accentColor, joinByDomain, defaultLocale } = organization
  return {
    name,
    active,
    logo_url: logoUrl,
    accent_color: accentColor,
    domains,
    join_by_domain: joinByDomain,
    default_locale: defaultLocale,
  }
}
