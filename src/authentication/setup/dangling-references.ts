import { isTrustworthyUrl, untrustworthyIssuer } from '#authentication/connections/connection.ts'
import { isInCatalogue } from '#directory/access/grants.ts'
import { didYouMean } from '#foundation/values/did-you-mean.ts'
import { emailKey } from '#foundation/values/email-address.ts'
import type { CurrentSetup } from './current-setup.ts'
import { isRemovedWhenUnlisted } from './plan-teams.ts'
import { listConnectionEntries, type OrganizationEntry, type Setup } from './setup.ts'
import type { Path, SetupProblem } from './setup-error.ts'

/** Scopes of OpenID Connect that every client may name in its `scope`, beside the catalogue's permissions. */
const protocolScopes = ['openid', 'profile', 'email', 'offline_access']

type Report = (path: Path, message: string) => void

/**
 * Everything the file refers to and neither it nor the database has, and issuers that this deployment doesn't trust.
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
        report([...path, 'permissions', index], notInCatalogue(catalogue, granted))
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
  }
  checkClients(values, current, catalogue, checkGrants, report)
  checkConnections(values, outboundAllowedHosts, report)
  return problems
}

/** A team of the file's own that its list leaves out is removed, so no member can be put into it. */
function checkTeams(entry: OrganizationEntry, current: CurrentSetup, path: Path, report: Report): void {
  const known = [...(current.organizations.get(entry.slug)?.teams.values() ?? [])]
  const scene = { current, exclusive: entry.exclusive ?? false }
  const staying = entry.teams ? known.filter((team) => !isRemovedWhenUnlisted(scene, team)) : known
  const teams = new Set([...staying, ...(entry.teams ?? [])].map((team) => team.name.toLowerCase()))
  const check = (name: string, at: Path) => {
    if (teams.has(name.toLowerCase())) return
    report(at, `organization ${entry.slug} has no team ${JSON.stringify(name)}${didYouMean(name, teams)}`)
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
  for (const list of ['resource_servers', 'clients'] as const) {
    for (const [index, entry] of (values[list] ?? []).entries()) {
      const path = [list, index]
      checkGrants(entry.permissions, path)
      if (entry.organization !== undefined && !slugs.has(entry.organization)) {
        const problem = `there is no organization ${entry.organization}${didYouMean(entry.organization, slugs)}`
        report([...path, 'organization'], problem)
      }
      for (const scope of entry.scope?.split(' ') ?? []) {
        if (!protocolScopes.includes(scope) && !catalogue.has(scope)) {
          report([...path, 'scope'], notInCatalogue([...protocolScopes, ...catalogue], scope))
        }
      }
    }
  }
}

function notInCatalogue(known: Iterable<string>, name: string): string {
  return `the catalogue has no permission ${name}${didYouMean(name, known)}`
}
