import { z } from 'zod'
import { connectionProblems, connectionShape, upstreamSecret } from '#authentication/connections/connection.ts'
import { isPasswordHash } from '#authentication/passwords/hash-forms.ts'
import { isTooLong, passwordLength } from '#authentication/passwords/password.ts'
import { dataScope, grantedPermission, permissionName } from '#directory/access/grants.ts'
import { type ClientRegistration, clientProblems, clientSecret, clientShape } from '#directory/clients/client.ts'
import { emailAddress } from '#foundation/values/email-address.ts'
import { accentColor, displayName, emailDomain, locale, logoUrl, organizationSlug } from '#foundation/values/names.ts'
import type { Path, SetupProblem } from './setup-error.ts'

const environmentName = z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/, 'must be the name of an environment variable')

const grantsShape = {
  permissions: z.array(grantedPermission).optional(),
  data_scopes: z.array(dataScope).optional(),
}

/** Of a new user. */
export const setupPassword = z
  .string()
  .refine((password) => [...password].length >= passwordLength.min, `must be at least ${passwordLength.min} characters`)
  .refine((password) => !isTooLong(password), `must be at most ${passwordLength.max} characters`)

const permission = z.strictObject({ name: permissionName, description: z.string().max(1000).optional() })

/** A client's secret stands in the file or in the environment. */
const secretShape = { client_secret: clientSecret.optional(), client_secret_env: environmentName.optional() }

/** Takes an object over that the file did not make. */
const adoptShape = { adopt: z.boolean().optional() }

const clientEntryShape = {
  ...adoptShape,
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
    ...adoptShape,
    email: emailAddress,
    name: displayName.optional(),
    password: setupPassword.optional(),
    password_env: environmentName.optional(),
    password_hash: z.string().refine(isPasswordHash, 'must be a hash of a known form ($argon2id$v=19$…)').optional(),
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

const team = z.strictObject({ ...adoptShape, name: displayName, ...grantsShape })

const member = z.strictObject({
  ...adoptShape,
  email: emailAddress,
  admin: z.boolean().optional(),
  teams: z.array(displayName).optional(),
  ...grantsShape,
  active: z.boolean().optional(),
})

const connectionEntry = z
  .strictObject({
    ...adoptShape,
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
  ...adoptShape,
  /** Its lists are the whole lists: what people added is removed. */
  exclusive: z.boolean().optional(),
  slug: organizationSlug,
  name: displayName.optional(),
  active: z.boolean().optional(),
  branding: z.strictObject({ logo_url: logoUrl.optional(), accent_color: accentColor.optional() }).optional(),
  domains: z.array(emailDomain).optional(),
  join_by_domain: z.boolean().optional(),
  default_locale: locale.optional(),
  teams: z.array(team).optional(),
  members: z.array(member).optional(),
  connections: z.array(connectionOf({ hasOrganization: true })).optional(),
})
/** The whole of a setup. Absent and empty are not the same: an empty list empties what it names. */
export const setupShape = z.strictObject({
  permissions: z.array(permission).optional(),
  resource_servers: z.array(resourceServer).optional(),
  clients: z.array(client).optional(),
  users: z.array(user).optional(),
  organizations: z.array(organization).optional(),
  connections: z.array(connectionOf({ hasOrganization: false })).optional(),
})

export type SetupValues = z.infer<typeof setupShape>
export type ClientEntry = z.infer<typeof client>
export type UserEntry = NonNullable<SetupValues['users']>[number]
export type OrganizationEntry = NonNullable<SetupValues['organizations']>[number]
export type TeamEntry = z.infer<typeof team>
export type MemberEntry = z.infer<typeof member>
export type ConnectionEntry = z.infer<typeof connectionEntry>

/** A setup whose own contents are in order; what it refers to is looked up when it is planned. */
export interface Setup {
  /** Secrets named by `…_env` stand in their places. */
  values: SetupValues
  /** Where an entry is written. */
  problemAt(path: Path, message: string): SetupProblem
}

/** Every client and resource server of the file with its place. */
export function listClientEntries(values: SetupValues): { entry: ClientEntry; path: (string | number)[] }[] {
  return (['resource_servers', 'clients'] as const).flatMap((list) =>
    (values[list] ?? []).map((entry, index) => ({ entry, path: [list, index] })),
  )
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
  const {
    adopt: _,
    client_secret,
    client_secret_env,
    organization: slug,
    permissions = [],
    data_scopes = [],
    ...rest
  } = entry
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
