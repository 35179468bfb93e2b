import { sql } from 'kysely'
import type { Queryable } from '#foundation/database/database.ts'
import type { Client, Connection, Membership, Organization, Team, User } from '#foundation/database/schema.ts'
import { emailKey } from '#foundation/values/email-address.ts'
import { listConnectionEntries, type SetupValues } from './setup-file.ts'

export interface CurrentMember extends Membership {
  email: string
  teamIds: Set<string>
}

export interface CurrentOrganization extends Organization {
  /** Verified ones. */
  domains: string[]
  /** By name in lower case. */
  teams: Map<string, Team>
  /** By e-mail address in lower case; only where the file lists members. */
  members: Map<string, CurrentMember>
}

/** What the database holds of everything that a setup file names. */
export interface CurrentSetup {
  /** Descriptions of the whole catalogue, by name. */
  permissions: Map<string, string>
  /** By e-mail address in lower case. */
  users: Map<string, User>
  /** By slug. */
  organizations: Map<string, CurrentOrganization>
  /** Slug of the organization that verified the domain. */
  domainOwners: Map<string, string>
  /** By client_id: those named, and those that hold a resource identifier that is named. */
  clients: Map<string, Client>
  /** By name: those of the owners whose lists the file has, and those that hold a name of the file. */
  connections: Map<string, CurrentConnection>
}

export interface CurrentConnection extends Connection {
  /** Of its organization; null: it is the deployment's. */
  organizationSlug: string | null
}

/** @param organizationId null: the deployment's */
export function connectionsOf(current: CurrentSetup, organizationId: string | null): CurrentConnection[] {
  return [...current.connections.values()].filter((connection) => connection.organizationId === organizationId)
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
  return {
    permissions: await readCatalogue(db),
    users: await readUsers(db, emails),
    organizations: await readOrganizations(db, slugs, withMembers),
    domainOwners: await readDomainOwners(
      db,
      organizations.flatMap((entry) => entry.domains ?? []),
    ),
    clients: await readClients(
      db,
      clients.map((entry) => entry.client_id),
      clients.flatMap((entry) => entry.resource ?? []),
    ),
    connections: await readConnections(
      db,
      slugs,
      listConnectionEntries(values).map(({ entry }) => entry.name),
    ),
  }
}

async function readCatalogue(db: Queryable): Promise<Map<string, string>> {
  const rows = await db.selectFrom('permissions').selectAll().execute()
  return new Map(rows.map((row) => [row.name, row.description]))
}

async function readUsers(db: Queryable, emails: string[]): Promise<Map<string, User>> {
  const rows = await db
    .selectFrom('users')
    .selectAll()
    .where(sql<boolean>`lower(email) = any(${[...new Set(emails)]}::text[])`)
    .execute()
  return new Map(rows.map((row) => [emailKey(row.email), row]))
}

async function readOrganizations(
  db: Queryable,
  slugs: string[],
  withMembers: string[],
): Promise<Map<string, CurrentOrganization>> {
  const rows = await db
    .selectFrom('organizations')
    .selectAll()
    .where(sql<boolean>`slug = any(${slugs}::text[])`)
    .execute()
  const ids = rows.map((row) => row.id)
  const ofThem = sql<boolean>`organization_id = any(${ids}::text[])`
  const domains = await db
    .selectFrom('organizationDomains')
    .selectAll()
    .where(ofThem)
    .where('verifiedAt', 'is not', null)
    .execute()
  const teams = await db.selectFrom('teams').selectAll().where(ofThem).execute()
  const members = await readMembers(
    db,
    rows.filter((row) => withMembers.includes(row.slug)).map((row) => row.id),
  )
  return new Map(
    rows.map((row) => [
      row.slug,
      {
        ...row,
        domains: domains.filter((domain) => domain.organizationId === row.id).map((domain) => domain.domain),
        teams: new Map(
          teams.filter((team) => team.organizationId === row.id).map((team) => [team.name.toLowerCase(), team]),
        ),
        members: new Map(
          members
            .filter((member) => member.organizationId === row.id)
            .map((member) => [emailKey(member.email), member]),
        ),
      },
    ]),
  )
}

async function readMembers(db: Queryable, organizationIds: string[]): Promise<CurrentMember[]> {
  const members = await db
    .selectFrom('memberships as m')
    .innerJoin('users as u', 'u.id', 'm.userId')
    .selectAll('m')
    .select('u.email')
    .where(sql<boolean>`m.organization_id = any(${organizationIds}::text[])`)
    .execute()
  const places = await db
    .selectFrom('teamMembers as p')
    .innerJoin('teams as t', 't.id', 'p.teamId')
    .select(['p.membershipId', 'p.teamId'])
    .where(sql<boolean>`t.organization_id = any(${organizationIds}::text[])`)
    .execute()
  const placesOf = Map.groupBy(places, (place) => place.membershipId)
  return members.map((member) => ({
    ...member,
    teamIds: new Set((placesOf.get(member.id) ?? []).map((place) => place.teamId)),
  }))
}

async function readDomainOwners(db: Queryable, domains: string[]): Promise<Map<string, string>> {
  const rows = await db
    .selectFrom('organizationDomains as d')
    .innerJoin('organizations as o', 'o.id', 'd.organizationId')
    .select(['d.domain', 'o.slug'])
    .where(sql<boolean>`d.domain = any(${domains}::text[])`)
    .where('d.verifiedAt', 'is not', null)
    .execute()
  return new Map(rows.map((row) => [row.domain, row.slug]))
}

async function readClients(db: Queryable, clientIds: string[], resources: string[]): Promise<Map<string, Client>> {
  const rows = await db
    .selectFrom('clients')
    .selectAll()
    .where(sql<boolean>`client_id = any(${clientIds}::text[]) or resource = any(${resources}::text[])`)
    .execute()
  return new Map(rows.map((row) => [row.clientId, row]))
}

/** The deployment's are always among them: there are few. */
async function readConnections(
  db: Queryable,
  slugs: string[],
  names: string[],
): Promise<Map<string, CurrentConnection>> {
  const rows = await db
    .selectFrom('connections as c')
    .leftJoin('organizations as o', 'o.id', 'c.organizationId')
    .selectAll('c')
    .select('o.slug as organizationSlug')
    .where(sql<boolean>`c.organization_id is null or o.slug = any(${slugs}::text[]) or c.name = any(${names}::text[])`)
    .orderBy('c.name')
    .execute()
  return new Map(rows.map((row) => [row.name, row]))
}
