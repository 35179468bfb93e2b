import { listConnectionsOfOwners, listHandles } from '#authentication/connections/connection-queries.ts'
import { readCatalogue } from '#directory/access/authorization-queries.ts'
import { listTeamPlaces, listTeams } from '#directory/access/team-queries.ts'
import { type ClientWithSecrets, listClients } from '#directory/clients/client-queries.ts'
import { listOwnersOfDomains, listVerifiedDomains } from '#directory/organizations/domain-queries.ts'
import {
  listLastAdmins,
  listMemberships,
  type MembershipWithEmail,
} from '#directory/organizations/membership-queries.ts'
import { listLookAlikes, skeletonsOf } from '#directory/organizations/organization-names.ts'
import { listOrganizationsBySlug } from '#directory/organizations/organization-queries.ts'
import { listSuperadminIds, listUsers } from '#directory/users/user-queries.ts'
import type { Queryable } from '#foundation/database/database.ts'
import type { Connection, Organization, Team, User } from '#foundation/database/schema.ts'
import { emailKey } from '#foundation/values/email-address.ts'
import { listConnectionEntries, type SetupValues } from './setup.ts'
import { readSetupObjects, type SetupObjects } from './setup-objects.ts'

export interface CurrentMember extends MembershipWithEmail {
  teamIds: Set<string>
}

export interface CurrentOrganization extends Organization {
  /** Verified ones. */
  domains: string[]
  /** By name in lower case. */
  teams: Map<string, Team>
  /** By user id; only where the file lists members. */
  members: Map<string, CurrentMember>
}

/** What the database holds of everything that a setup file names. */
export interface CurrentSetup {
  /** Descriptions of the whole catalogue, by name. */
  permissions: Map<string, string>
  /** What setups made or took over. */
  objects: SetupObjects
  /** By the address that the file has, in lower case: a person of the file's own may have another by now. */
  users: Map<string, User>
  /** Ids of the active ones. */
  superadminIds: string[]
  /** Ids of those whom the file switches off and without whom an organization would have no active admin. */
  lastAdmins: ReadonlySet<string>
  /** By slug. */
  organizations: Map<string, CurrentOrganization>
  /** Organizations that look like those of the file by name or slug, themselves included. */
  lookAlikes: Organization[]
  /** Slug of the organization that verified the domain. */
  domainOwners: Map<string, string>
  /** By client_id: those named, and those that hold a resource identifier that is named. */
  clients: Map<string, ClientWithSecrets>
  /** The deployment's and those of the organizations. */
  connections: Connection[]
  /** Connections of any owner whose addresses hold a name of the file's connections. */
  handles: Pick<Connection, 'id' | 'handle'>[]
}

/** @param organizationId null: the deployment's */
export function connectionsOf(current: CurrentSetup, organizationId: string | null): Connection[] {
  return current.connections.filter((connection) => connection.organizationId === organizationId)
}

/** Reads it in a dozen statements, however long the file is. */
export async function readCurrentSetup(db: Queryable, values: SetupValues): Promise<CurrentSetup> {
  const organizations = values.organizations ?? []
  const clients = [...(values.resource_servers ?? []), ...(values.clients ?? [])]
  const emails = [...(values.users ?? []), ...organizations.flatMap((entry) => entry.members ?? [])].map((entry) =>
    emailKey(entry.email),
  )
  const slugs = [...organizations.map((entry) => entry.slug), ...clients.flatMap((entry) => entry.organization ?? [])]
  const withMembers = organizations.filter((entry) => entry.members).map((entry) => entry.slug)
  const domains = organizations.flatMap((entry) => entry.domains ?? [])
  const clientIds = clients.map((entry) => entry.client_id)
  const resources = clients.flatMap((entry) => entry.resource ?? [])
  const connectionNames = listConnectionEntries(values).map(({ entry }) => entry.name)
  const objects = await readSetupObjects(db)
  const users = await readUsers(db, objects, emails)
  const off = (values.users ?? []).filter((entry) => entry.active === false)
  const idsOff = off.flatMap((entry) => users.get(emailKey(entry.email))?.id ?? [])
  return {
    objects,
    permissions: await readCatalogue(db),
    users,
    superadminIds: await listSuperadminIds(db),
    lastAdmins: new Set(await listLastAdmins(db, idsOff)),
    organizations: await readOrganizations(db, slugs, withMembers),
    lookAlikes: await listLookAlikes(
      db,
      organizations.flatMap(({ slug, name = slug }) => skeletonsOf({ slug, name })),
    ),
    domainOwners: new Map((await listOwnersOfDomains(db, domains)).map(({ domain, slug }) => [domain, slug])),
    clients: byKey(await listClients(db, { clientIds, resources }), (client) => client.clientId),
    connections: await listConnectionsOfOwners(db, slugs),
    handles: await listHandles(db, connectionNames),
  }
}

/** Whom the file made is known by id; everybody else, by address. */
async function readUsers(db: Queryable, objects: SetupObjects, emails: readonly string[]): Promise<Map<string, User>> {
  const ids = emails.flatMap((email) => objects.find('user', email)?.objectId ?? [])
  const users = await listUsers(db, { emails, ids })
  const byId = byKey(users, ({ id }) => id)
  const byEmail = byKey(users, (user) => emailKey(user.email))
  return new Map(
    emails.flatMap((email) => {
      const user = byId.get(objects.find('user', email)?.objectId ?? '') ?? byEmail.get(email)
      return user ? [[email, user] as const] : []
    }),
  )
}

async function readOrganizations(
  db: Queryable,
  slugs: readonly string[],
  withMembers: readonly string[],
): Promise<Map<string, CurrentOrganization>> {
  const organizations = await listOrganizationsBySlug(db, slugs)
  const ids = organizations.map(({ id }) => id)
  const domains = await listVerifiedDomains(db, ids)
  const teams = await listTeams(db, ids)
  const listed = organizations.filter(({ slug }) => withMembers.includes(slug))
  const members = await readMembers(
    db,
    listed.map(({ id }) => id),
  )
  const rows = organizations.map((organization): CurrentOrganization => {
    const isItsOwn = ({ organizationId }: { organizationId: string }) => organizationId === organization.id
    return {
      ...organization,
      domains: domains.filter(isItsOwn).map(({ domain }) => domain),
      teams: byKey(teams.filter(isItsOwn), (team) => team.name.toLowerCase()),
      members: byKey(members.filter(isItsOwn), (member) => member.userId),
    }
  })
  return byKey(rows, ({ slug }) => slug)
}

async function readMembers(db: Queryable, organizationIds: readonly string[]): Promise<CurrentMember[]> {
  const members = await listMemberships(db, organizationIds)
  const places = Map.groupBy(await listTeamPlaces(db, organizationIds), (place) => place.membershipId)
  return members.map((member) => ({
    ...member,
    teamIds: new Set((places.get(member.id) ?? []).map((place) => place.teamId)),
  }))
}

function byKey<T>(rows: readonly T[], keyOf: (row: T) => string): Map<string, T> {
  return new Map(rows.map((row) => [keyOf(row), row]))
}
