import { isTrustworthyUrl, untrustworthyIssuer } from '#authentication/connections/connection.ts'
import { isInCatalogue } from '#directory/access/grants.ts'
import { emailKey } from '#foundation/values/email-address.ts'
import type { CurrentSetup } from './current-setup.ts'
import { listConnectionEntries, type OrganizationEntry, type Setup } from './setup.ts'
import type { Path, SetupProblem } from './setup-error.ts'

/** Scopes of OpenID Connect that every client may name in its `scope`, beside the catalogue's permissions. */
const protocolScopes = ['openid', 'profile', 'email', 'offline_access']

type Report = (path: Path, message: string) => void

/**
 * Everything the file refers to and neither it nor the database has, names that somebody else holds, and issuers that
 * this deployment doesn't trust.
 */
export function danglingReferences(
  { values, problemAt }: Setup,
  current: CurrentSetup,
  outboundAllowedHosts: readonly string[],
): SetupProblem[] {
  const problems: SetupProblem[] = []
  const report: Report = (path, message) => problems.push(problemAt(path, message))
  const catalogue = new Set([...current.permissions.keys(), ...(values.permissions ?? []).map((entry) => entry.name)])
  const checkGrants = (permissions: string[] | undefined, path: Path) => {
    for (const [index, granted] of (permissions ?? []).entries()) {
      if (!isInCatalogue(catalogue, granted)) {
        report([...path, 'permissions', index], `the catalogue has no permission ${granted}`)
      }
    }
  }
  const emails = new Set([...current.users.keys(), ...(values.users ?? []).map((entry) => emailKey(entry.email))])
  for (const [index, entry] of (values.organizations ?? []).entries()) {
    const path = ['organizations', index]
    for (const [position, team] of (entry.teams ?? []).entries()) {
      checkGrants(team.permissions, [...path, 'teams', position])
    }
    for (const [position, member] of (entry.members ?? []).entries()) {
      checkGrants(member.permissions, [...path, 'members', position])
      if (!emails.has(emailKey(member.email))) {
        report([...path, 'members', position, 'email'], 'there is no user of this address; list it under users')
      }
    }
    checkTeams(entry, current, path, report)
    checkDomains(entry, values.organizations ?? [], current, path, report)
  }
  checkClients(values, current, catalogue, checkGrants, report)
  checkConnections(values, outboundAllowedHosts, report)
  return problems
}

/** The file's list of teams is the whole list: a team it leaves out is removed, so nobody can be put into it. */
function checkTeams(entry: OrganizationEntry, current: CurrentSetup, path: Path, report: Report): void {
  const teams = new Set(
    entry.teams
      ? entry.teams.map((team) => team.name.toLowerCase())
      : current.organizations.get(entry.slug)?.teams.keys(),
  )
  const check = (name: string, at: Path) => {
    if (!teams.has(name.toLowerCase())) report(at, `organization ${entry.slug} has no team ${JSON.stringify(name)}`)
  }
  for (const [index, member] of (entry.members ?? []).entries()) {
    for (const [position, name] of (member.teams ?? []).entries()) {
      check(name, [...path, 'members', index, 'teams', position])
    }
  }
  for (const [index, connection] of (entry.connections ?? []).entries()) {
    const at = [...path, 'connections', index]
    for (const [position, name] of (connection.default_teams ?? []).entries()) {
      check(name, [...at, 'default_teams', position])
    }
    for (const [group, name] of Object.entries(connection.group_teams ?? {})) check(name, [...at, 'group_teams', group])
  }
}

function checkDomains(
  entry: OrganizationEntry,
  organizations: readonly OrganizationEntry[],
  current: CurrentSetup,
  path: Path,
  report: Report,
): void {
  for (const [index, domain] of (entry.domains ?? []).entries()) {
    const owner = current.domainOwners.get(domain)
    if (owner === undefined || owner === entry.slug) continue
    const givesItUp = organizations.some((other) => other.slug === owner && other.domains)
    if (!givesItUp) report([...path, 'domains', index], `belongs to organization ${owner}`)
  }
}

function checkConnections(values: Setup['values'], outboundAllowedHosts: readonly string[], report: Report): void {
  for (const { entry, path } of listConnectionEntries(values)) {
    if (entry.issuer && !isTrustworthyUrl(entry.issuer, outboundAllowedHosts)) {
      report([...path, 'issuer'], untrustworthyIssuer)
    }
  }
}

function checkClients(
  values: Setup['values'],
  current: CurrentSetup,
  catalogue: ReadonlySet<string>,
  checkGrants: (permissions: string[] | undefined, path: Path) => void,
  report: Report,
): void {
  const slugs = new Set([...current.organizations.keys(), ...(values.organizations ?? []).map((entry) => entry.slug)])
  const named = new Set([...(values.resource_servers ?? []), ...(values.clients ?? [])].map((entry) => entry.client_id))
  const holders = new Map([...current.clients.values()].map((client) => [client.resource, client.clientId]))
  for (const list of ['resource_servers', 'clients'] as const) {
    for (const [index, entry] of (values[list] ?? []).entries()) {
      const path = [list, index]
      checkGrants(entry.permissions, path)
      if (entry.organization !== undefined && !slugs.has(entry.organization)) {
        report([...path, 'organization'], `there is no organization ${entry.organization}`)
      }
      const holder = entry.resource !== undefined ? holders.get(entry.resource) : undefined
      if (holder !== undefined && !named.has(holder)) report([...path, 'resource'], `belongs to client ${holder}`)
      for (const scope of entry.scope?.split(' ') ?? []) {
        if (!protocolScopes.includes(scope) && !catalogue.has(scope)) {
          report([...path, 'scope'], `the catalogue has no permission ${scope}`)
        }
      }
    }
  }
}
