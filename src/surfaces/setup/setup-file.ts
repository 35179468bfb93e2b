import { z } from 'zod'
import { connectionProblems, connectionShape, upstreamSecret } from '#authentication/connections/connection.ts'
import { isPasswordHash, passwordLength } from '#authentication/passwords/password.ts'
import { dataScope, grantedPermission, permissionName } from '#directory/access/grants.ts'
import { type ClientRegistration, clientProblems, clientSecret, clientShape } from '#directory/clients/client.ts'
import { emailAddress, emailKey } from '#foundation/values/email-address.ts'
import { accentColor, displayName, emailDomain, logoUrl, organizationSlug } from '#foundation/values/names.ts'
import { type Path, parseSetupDocument, type SetupDocument } from './setup-document.ts'
import { SetupError, type SetupProblem } from './setup-error.ts'

const environmentName = z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/, 'must be the name of an environment variable')

const grantsShape = {
  permissions: z.array(grantedPermission).optional(),
  data_scopes: z.array(dataScope).optional(),
}

const password = z
  .string()
  .min(passwordLength.min, `must be at least ${passwordLength.min} characters`)
  .max(passwordLength.max, `must be at most ${passwordLength.max} characters`)

const permission = z.strictObject({ name: permissionName, description: z.string().max(1000).optional() })

/** A client's secret stands in the file or in the environment. */
const secretShape = { client_secret: clientSecret.optional(), client_secret_env: environmentName.optional() }

const clientEntryShape = {
  ...clientShape,
  ...secretShape,
  ...grantsShape,
  organization: organizationSlug.optional(),
  active: z.boolean().optional(),
}

const client = z.strictObject(clientEntryShape).superRefine(refuseTwoSecrets).superRefine(checkClient)

const resourceServer = z
  .strictObject({ ...clientEntryShape, resource_server: z.literal(true, 'must be true here').default(true) })
  .superRefine(refuseTwoSecrets)
  .superRefine(checkClient)

const user = z
  .strictObject({
    email: emailAddress,
    name: displayName.optional(),
    password: password.optional(),
    password_env: environmentName.optional(),
    password_hash: z.string().refine(isPasswordHash, 'must be an argon2id hash ($argon2id$v=19$…)').optional(),
    superadmin: z.boolean().optional(),
    active: z.boolean().optional(),
  })
  .superRefine((entry, context) => {
    const given = (['password', 'password_env', 'password_hash'] as const).filter((name) => entry[name] !== undefined)
    for (const name of given.slice(1)) {
      context.addIssue({
        code: 'custom',
        path: [name],
        message: 'password, password_env and password_hash exclude each other',
      })
    }
  })

const team = z.strictObject({ name: displayName, ...grantsShape })

const member = z.strictObject({
  email: emailAddress,
  admin: z.boolean().optional(),
  teams: z.array(displayName).optional(),
  ...grantsShape,
  active: z.boolean().optional(),
})

const connectionEntry = z
  .strictObject({
    ...connectionShape,
    client_secret: upstreamSecret.optional(),
    client_secret_env: environmentName.optional(),
  })
  .superRefine(refuseTwoSecrets)

const connectionOf = (owner: { hasOrganization: boolean }) =>
  connectionEntry.superRefine((entry, context) => {
    const hasSecret = entry.client_secret !== undefined || entry.client_secret_env !== undefined
    for (const { path, message } of connectionProblems(entry, { ...owner, hasSecret })) {
      context.addIssue({ code: 'custom', path, message })
    }
  })

const organization = z.strictObject({
  slug: organizationSlug,
  name: displayName.optional(),
  active: z.boolean().optional(),
  branding: z.strictObject({ logo_url: logoUrl.optional(), accent_color: accentColor.optional() }).optional(),
  domains: z.array(emailDomain).optional(),
  teams: z.array(team).optional(),
  members: z.array(member).optional(),
  connections: z.array(connectionOf({ hasOrganization: true })).optional(),
})

/** design.md §3: the whole file. Absent and empty are not the same: an empty list empties what it names. */
const setupFile = z.strictObject({
  permissions: z.array(permission).optional(),
  resource_servers: z.array(resourceServer).optional(),
  clients: z.array(client).optional(),
  users: z.array(user).optional(),
  organizations: z.array(organization).optional(),
  connections: z.array(connectionOf({ hasOrganization: false })).optional(),
})

export type SetupValues = z.infer<typeof setupFile>
export type ClientEntry = z.infer<typeof client>
export type UserEntry = NonNullable<SetupValues['users']>[number]
export type OrganizationEntry = NonNullable<SetupValues['organizations']>[number]
export type TeamEntry = z.infer<typeof team>
export type MemberEntry = z.infer<typeof member>
export type ConnectionEntry = z.infer<typeof connectionEntry>

/** A file whose own contents are in order; what it refers to is looked up when it is planned. */
export interface Setup {
  /** Secrets named by `…_env` stand in their places. */
  values: SetupValues
  problemAt: SetupDocument['problemAt']
}

/**
 * Reads a setup file. Every problem is found at once, in three steps: YAML, the form of each entry, then entries that
 * repeat each other and variables that are not set. @param environment where `…_env` names are looked up
 * @throws SetupError naming file, line, column and path of each problem, and no value
 */
export function parseSetupFile(text: string, fileName: string, environment: NodeJS.ProcessEnv = {}): Setup {
  const document = parseSetupDocument(text, fileName)
  const parsed = setupFile.safeParse(document.values, { error: plainMessage })
  if (!parsed.success) throw new SetupError(parsed.error.issues.flatMap((issue) => toProblems(document, issue)))
  const problems = [
    ...repeatedEntries(parsed.data, document),
    ...resolveEnvironment(parsed.data, document, environment),
  ]
  if (problems.length > 0) throw new SetupError(problems)
  return { values: parsed.data, problemAt: document.problemAt }
}

/** Every connection of the file with its place and, if it has one, its organization. */
export function listConnectionEntries(values: SetupValues) {
  const ofOrganizations = (values.organizations ?? []).flatMap((organization, index) =>
    (organization.connections ?? []).map((entry, position): PlacedConnection => {
      return { entry, path: ['organizations', index, 'connections', position], organization }
    }),
  )
  const ofDeployment = (values.connections ?? []).map((entry, index): PlacedConnection => {
    return { entry, path: ['connections', index], organization: undefined }
  })
  return [...ofOrganizations, ...ofDeployment]
}

interface PlacedConnection {
  entry: ConnectionEntry
  path: Path
  organization: OrganizationEntry | undefined
}

function checkClient(entry: z.infer<z.ZodObject<typeof clientEntryShape>>, context: z.RefinementCtx): void {
  for (const { path, message } of clientProblems(toRegistration(entry))) {
    context.addIssue({ code: 'custom', path, message })
  }
}

/** The rules of clients see whether there is a secret, not the secret. */
export function toRegistration(entry: ClientEntry): ClientRegistration {
  const { client_secret, client_secret_env, organization: slug, permissions = [], data_scopes = [], ...rest } = entry
  return {
    ...rest,
    hasSecret: client_secret !== undefined || client_secret_env !== undefined,
    hasOrganization: slug !== undefined,
    hasGrants: permissions.length > 0 || data_scopes.length > 0,
  }
}

function refuseTwoSecrets(
  entry: { client_secret?: string | undefined; client_secret_env?: string | undefined },
  context: z.RefinementCtx,
): void {
  if (entry.client_secret === undefined || entry.client_secret_env === undefined) return
  const message = 'client_secret and client_secret_env exclude each other'
  context.addIssue({ code: 'custom', path: ['client_secret_env'], message })
}

/** Words instead of zod's; none repeats the value, which may be a secret. */
function plainMessage(issue: z.core.$ZodRawIssue): string | undefined {
  switch (issue.code) {
    case 'invalid_type':
      return issue.input === undefined ? 'is required' : `must be ${kinds[issue.expected] ?? issue.expected}`
    case 'invalid_value':
      return `must be one of ${issue.values.join(', ')}`
    case 'unrecognized_keys':
      return 'is not a known key'
    case 'too_big':
      return `must be at most ${issue.maximum}`
    case 'too_small':
      return `must be at least ${issue.minimum}`
    default:
      return undefined
  }
}

const kinds: Record<string, string> = {
  string: 'text (quote a number, true or null that is meant as text)',
  boolean: 'true or false',
  number: 'a number',
  int: 'a whole number',
  array: 'a list',
  object: 'a mapping of keys to values',
  record: 'a mapping of keys to values',
}

function toProblems(document: SetupDocument, issue: z.core.$ZodIssue): SetupProblem[] {
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => document.problemAtKey([...issue.path, key], issue.message))
  }
  return [document.problemAt(issue.path, issue.message)]
}

/** Two entries for one object contradict each other, or will. */
function repeatedEntries(values: SetupValues, document: SetupDocument): SetupProblem[] {
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
  const connections = names('connection')
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
  for (const { entry, path } of listConnectionEntries(values)) connections(entry.name, [...path, 'name'])
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

/** Puts what `…_env` names into the place of `…`, under the same rules as if it stood in the file. */
function resolveEnvironment(
  values: SetupValues,
  document: SetupDocument,
  environment: NodeJS.ProcessEnv,
): SetupProblem[] {
  const problems: SetupProblem[] = []
  const look = (name: string, rule: z.ZodString, path: Path): string | undefined => {
    const report = (message: string) => problems.push(document.problemAt(path, message))
    const value = environment[name]
    if (!value) return void report(`the environment variable ${name} is not set`)
    const checked = rule.safeParse(value)
    if (!checked.success) return void report(`the environment variable ${name} ${checked.error.issues[0]?.message}`)
    return value
  }
  for (const list of ['resource_servers', 'clients'] as const) {
    for (const [index, entry] of (values[list] ?? []).entries()) {
      if (entry.client_secret_env === undefined) continue
      entry.client_secret = look(entry.client_secret_env, clientSecret, [list, index, 'client_secret_env'])
    }
  }
  for (const { entry, path } of listConnectionEntries(values)) {
    if (entry.client_secret_env === undefined) continue
    entry.client_secret = look(entry.client_secret_env, upstreamSecret, [...path, 'client_secret_env'])
  }
  for (const [index, entry] of (values.users ?? []).entries()) {
    if (entry.password_env === undefined) continue
    entry.password = look(entry.password_env, password, ['users', index, 'password_env'])
  }
  return problems
}
