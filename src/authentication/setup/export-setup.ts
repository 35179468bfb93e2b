import { describeConnection } from '#authentication/connections/connection.ts'
import { listConnectionsOfOwners } from '#authentication/connections/connection-queries.ts'
import { readCatalogue } from '#directory/access/authorization-queries.ts'
import { canonicalGrants, type Grants } from '#directory/access/grants.ts'
import { listTeams } from '#directory/access/team-queries.ts'
import { builtInClientId } from '#directory/clients/built-in-client.ts'
import type { ClientMetadata } from '#directory/clients/client.ts'
import { allClients } from '#directory/clients/client-queries.ts'
import { listVerifiedDomains } from '#directory/organizations/domain-queries.ts'
import { membersForExport } from '#directory/organizations/membership-queries.ts'
import { allOrganizations } from '#directory/organizations/organization-queries.ts'
import { countUnprovenUsers, provenUsers } from '#directory/users/user-queries.ts'
import type { Queryable } from '#foundation/database/database.ts'
import { rowsOf } from '#foundation/database/rows-of.ts'
import type { Client, Connection, Organization, Team } from '#foundation/database/schema.ts'
import { languageOf } from '#foundation/messages/languages.ts'
import type {
  ClientEntry,
  ConnectionEntry,
  MemberEntry,
  OrganizationEntry,
  SetupValues,
  TeamEntry,
  UserEntry,
} from './setup.ts'

/** Every key that an entry may have, so that the compiler finds one that was added and is not exported. */
type Whole<T> = { [Key in keyof Required<T>]: T[Key] | undefined }

/** An entry with the lists in it that may be long. */
type Streamed<T, Lists extends keyof T> = Omit<Whole<T>, Lists> & { [List in Lists]: AsyncIterable<unknown> }

/** A setup as it is printed: list by list, entry by entry, each list read when its turn comes. */
export type SetupExport = { [List in keyof Required<SetupValues>]: AsyncIterable<unknown> }

export interface ExportOptions {
  /** With the hashes of passwords: whoever reads the file may guess at them. */
  passwordHashes: boolean
  /** Told each name of an environment variable that stands for a secret. */
  onSecret: (name: string) => void
}

/**
 * The running state as a setup file: applied to an empty deployment it makes the same, and that is exported as the same
 * text. Secrets are no part of it, only names of variables for them. Who never proved an address is left out, with their
 * memberships: whoever a file names counts as verified.
 * @param tx one snapshot, open until the last list has been read
 */
export function exportSetup(tx: Queryable, options: ExportOptions): SetupExport {
  const names = environmentNames(options.onSecret)
  return {
    permissions: exportPermissions(tx),
    resource_servers: exportClients(tx, names, { resourceServers: true }),
    clients: exportClients(tx, names, { resourceServers: false }),
    users: exportUsers(tx, options),
    organizations: exportOrganizations(tx, names),
    connections: exportConnections(tx, names, undefined),
  }
}

/** How many accounts an export leaves out, because they never proved their address. */
export const countLeftOut = countUnprovenUsers

async function* exportPermissions(
  tx: Queryable,
): AsyncGenerator<Whole<NonNullable<SetupValues['permissions']>[number]>> {
  const catalogue = await readCatalogue(tx)
  for (const [name, description] of [...catalogue].sort(byName)) {
    yield { name, description: description || undefined }
  }
}

async function* exportUsers(tx: Queryable, { passwordHashes }: ExportOptions): AsyncGenerator<Whole<UserEntry>> {
  for await (const user of rowsOf(tx, provenUsers(tx))) {
    yield {
      email: user.email,
      name: user.name,
      password: undefined,
      password_env: undefined,
      password_hash: (passwordHashes && user.passwordHash) || undefined,
      superadmin: user.superadmin || undefined,
      active: user.deactivatedAt === null ? undefined : false,
      adopt: undefined,
    }
  }
}

async function* exportClients(
  tx: Queryable,
  names: EnvironmentNames,
  { resourceServers }: { resourceServers: boolean },
): AsyncGenerator<Whole<ClientEntry>> {
  const slugs = new Map((await allOrganizations(tx)).map(({ id, slug }) => [id, slug]))
  for await (const client of rowsOf(tx, allClients(tx, { resourceServers }))) {
    if (client.clientId !== builtInClientId) yield clientEntry(client, slugs, names)
  }
}

function clientEntry(client: Client, slugs: ReadonlyMap<string, string>, names: EnvironmentNames): Whole<ClientEntry> {
  const metadata = client.metadata as ClientMetadata
  const isProvenBySecret = metadata.token_endpoint_auth_method?.startsWith('client_secret_')
  return {
    client_id: client.clientId,
    client_name: client.clientName,
    first_party: client.firstParty || undefined,
    // Said by the list that it stands in.
    resource_server: undefined,
    client_secret: undefined,
    client_secret_env: isProvenBySecret ? names.nameFor(client.clientId) : undefined,
    resource: client.resource ?? undefined,
    access_token_format: client.resourceServer ? client.accessTokenFormat : undefined,
    organization: client.organizationId === null ? undefined : slugs.get(client.organizationId),
    ...grantsOf(client),
    ...metadataOf(metadata),
    active: client.deactivatedAt === null ? undefined : false,
    adopt: undefined,
  }
}

/** As it is stored; what is empty says nothing. */
function metadataOf(metadata: ClientMetadata): Whole<ClientMetadata> {
  const said = Object.entries(metadata).filter(([, value]) => !Array.isArray(value) || value.length > 0)
  return Object.fromEntries(said) as Whole<ClientMetadata>
}

async function* exportOrganizations(
  tx: Queryable,
  names: EnvironmentNames,
): AsyncGenerator<Streamed<OrganizationEntry, 'members' | 'connections'>> {
  for (const organization of await allOrganizations(tx)) {
    const domains = await listVerifiedDomains(tx, [organization.id])
    const teams = (await listTeams(tx, [organization.id])).sort((one, other) => compare(one.name, other.name))
    yield {
      slug: organization.slug,
      name: organization.name,
      active: organization.suspendedAt === null ? undefined : false,
      exclusive: undefined,
      adopt: undefined,
      branding: brandingOf(organization),
      domains: orNothing(domains.map(({ domain }) => domain).sort(compare)),
      join_by_domain: organization.joinByDomain || undefined,
      default_locale: languageOf(organization.defaultLocale),
      teams: orNothing(teams.map(teamEntry)) as TeamEntry[] | undefined,
      members: exportMembers(tx, organization.id),
      connections: exportConnections(tx, names, organization, teams),
    }
  }
}

function brandingOf({ logoUrl, accentColor }: Organization): OrganizationEntry['branding'] {
  if (logoUrl === null && accentColor === null) return undefined
  const branding: Whole<NonNullable<OrganizationEntry['branding']>> = {
    logo_url: logoUrl ?? undefined,
    accent_color: accentColor ?? undefined,
  }
  return branding as OrganizationEntry['branding']
}

function teamEntry(team: Team): Whole<TeamEntry> {
  return { name: team.name, ...grantsOf(team), adopt: undefined }
}

async function* exportMembers(tx: Queryable, organizationId: string): AsyncGenerator<Whole<MemberEntry>> {
  for await (const member of rowsOf(tx, membersForExport(tx, organizationId))) {
    yield {
      email: member.email,
      admin: member.admin || undefined,
      teams: orNothing((member.teams ?? []).sort(compare)),
      ...grantsOf(member),
      active: member.deactivatedAt === null ? undefined : false,
      adopt: undefined,
    }
  }
}

async function* exportConnections(
  tx: Queryable,
  names: EnvironmentNames,
  organization: Organization | undefined,
  teams: readonly Team[] = [],
): AsyncGenerator<Whole<ConnectionEntry>> {
  const found = await listConnectionsOfOwners(tx, organization ? [organization.slug] : [])
  const own = found.filter(({ organizationId }) => organizationId === (organization?.id ?? null))
  const teamNames = new Map(teams.map(({ id, name }) => [id, name]))
  for (const connection of own.sort((one, other) => compare(one.name, other.name))) {
    yield connectionEntry(connection, teamNames, () => names.nameFor(organization?.slug, connection.name))
  }
}

function connectionEntry(
  connection: Connection,
  teamNames: ReadonlyMap<string, string>,
  secretName: () => string,
): Whole<ConnectionEntry> {
  const described = describeConnection(connection, teamNames)
  return {
    name: connection.name,
    type: described.type,
    display_name: described.display_name ?? undefined,
    issuer: described.issuer ?? undefined,
    client_id: described.client_id,
    client_secret: undefined,
    client_secret_env: connection.clientSecret === null ? undefined : secretName(),
    jit: described.jit,
    default_teams: orNothing(described.default_teams),
    group_claim: described.group_claim ?? undefined,
    group_teams: Object.keys(described.group_teams).length > 0 ? sorted(described.group_teams) : undefined,
    required: described.required || undefined,
    sign_out: described.sign_out || undefined,
    enabled: described.enabled ? undefined : false,
    adopt: undefined,
  }
}

function grantsOf(grants: Grants) {
  const { permissions, dataScopes } = canonicalGrants(grants)
  return { permissions: orNothing(permissions), data_scopes: orNothing(dataScopes) }
}

interface EnvironmentNames {
  /** @param parts what the secret belongs to */
  nameFor(...parts: (string | undefined)[]): string
}

/** The same for the same objects in the same order; no two the same. */
function environmentNames(onSecret: (name: string) => void): EnvironmentNames {
  const taken = new Set<string>()
  return {
    nameFor(...parts) {
      const words = parts.filter((part) => part !== undefined).join('_')
      const plain = `${words
        .toUpperCase()
        .replace(/[^A-Z0-9]+/g, '_')
        .replace(/_$/, '')}_SECRET`.replace(/^(?=\d)/, '_')
      let name = plain
      for (let number = 2; taken.has(name); number++) name = `${plain}_${number}`
      taken.add(name)
      onSecret(name)
      return name
    },
  }
}

function orNothing<T>(list: T[]): T[] | undefined {
  return list.length > 0 ? list : undefined
}

function sorted<T>(members: Record<string, T>): Record<string, T> {
  return Object.fromEntries(Object.entries(members).sort(byName))
}

function byName([one]: [string, unknown], [other]: [string, unknown]): number {
  return compare(one, other)
}

/** By code units, wherever it runs. */
function compare(one: string, other: string): number {
  return one < other ? -1 : one > other ? 1 : 0
}
