import { listConnectionEntries, type SetupValues } from '#authentication/setup/setup.ts'
import type { Path, SetupProblem } from '#authentication/setup/setup-error.ts'
import { emailKey } from '#foundation/values/email-address.ts'
import type { SetupDocument } from './setup-document.ts'

/** Two entries for one object contradict each other, or will. */
export function repeatedEntries(values: SetupValues, document: SetupDocument): SetupProblem[] {
  const problems: SetupProblem[] = []
  const names = uniqueNames((path, message) => problems.push(document.problemAt(path, message)))
  const clients = names('client_id')
  const resources = names('resource')
  for (const list of ['resource_servers', 'clients'] as const) {
    for (const [index, entry] of (values[list] ?? []).entries()) {
      clients(entry.client_id, [list, index, 'client_id'])
      if (entry.resource !== undefined) resources(entry.resource, [list, index, 'resource'])
    }
  }
  const permissions = names('permission')
  for (const [index, { name }] of (values.permissions ?? []).entries())
    permissions(name, ['permissions', index, 'name'])
  const users = names('e-mail address')
  for (const [index, { email }] of (values.users ?? []).entries()) users(emailKey(email), ['users', index, 'email'])

  const slugs = names('slug')
  const domains = names('domain')
  for (const [index, entry] of (values.organizations ?? []).entries()) {
    const at = (...path: Path) => ['organizations', index, ...path]
    slugs(entry.slug, at('slug'))
    for (const [position, domain] of (entry.domains ?? []).entries()) domains(domain, at('domains', position))
    const teams = names('team')
    for (const [position, { name }] of (entry.teams ?? []).entries()) {
      teams(name.toLowerCase(), at('teams', position, 'name'))
    }
    const members = names('member')
    for (const [position, { email }] of (entry.members ?? []).entries()) {
      members(emailKey(email), at('members', position, 'email'))
    }
  }
  const connections = names('connection')
  for (const { entry, path, organization } of listConnectionEntries(values)) {
    connections(`${organization?.slug ?? ''}/${entry.name}`, [...path, 'name'])
  }
  return problems
}

/** For each kind of name a function that takes one after the other and reports what it has seen before. */
function uniqueNames(report: (path: Path, message: string) => void) {
  return (kind: string) => {
    const seen = new Set<string>()
    return (name: string, path: Path) => {
      if (seen.has(name)) report(path, `the file has this ${kind} twice`)
      seen.add(name)
    }
  }
}
