import { z } from 'zod'
import type { SystemActor } from '#directory/users/actor.ts'
import type { Connection } from '#foundation/database/schema.ts'
import { displayName } from '#foundation/values/names.ts'

/** These need not be configured. GitHub is no OpenID provider: its address stands where an issuer is needed. */
const knownIssuers = { google: 'https://accounts.google.com', github: 'https://github.com', oidc: '' }

/** What Gatehouse proves itself with at the provider. Stored encrypted, never shown again. */
export const upstreamSecret = z.string().min(1, 'must not be empty').max(4000, 'must be at most 4000 characters')

/** Nothing that the database could not hold: no control characters, no half ones. */
const text = z
  .string()
  .min(1, 'must not be empty')
  .max(500, 'must be at most 500 characters')
  .regex(/^[^\p{Cc}\p{Cs}]*$/u, 'must not contain control characters')

/** OpenID Connect Discovery §3: an issuer has no query and no fragment. Which hosts may do without https is decided apart. */
const issuer = z
  .url({ protocol: /^https?$/, error: 'must be an https URL' })
  .max(500, 'must be at most 500 characters')
  .regex(/^[\x21-\x7e]*$/, 'must be without spaces and special characters')
  .regex(/^[^?#@]*$/, 'must be without user, query and fragment')

/** A connection as the setup file and the API write it; `client_secret` is separate, for it may come from elsewhere. */
export const connectionShape = {
  name: z
    .string()
    .regex(/^[a-z0-9][a-z0-9-]{0,62}$/, 'must be 1 to 63 lower-case letters, digits or hyphens, not starting with one'),
  type: z.enum(['oidc', 'google', 'github']),
  display_name: displayName.nullish(),
  issuer: issuer.nullish(),
  client_id: text,
  jit: z.boolean().optional(),
  default_teams: z.array(displayName).max(100, 'must be at most 100').optional(),
  group_claim: text.nullish(),
  group_teams: z
    .record(text, displayName)
    .refine((teams) => Object.keys(teams).length <= 1000, { error: 'must be at most 1000 groups' })
    .optional(),
  required: z.boolean().optional(),
  sign_out: z.boolean().optional(),
  enabled: z.boolean().optional(),
}

/** A connection as it is described, before defaults. */
export type ConnectionDescription = z.infer<z.ZodObject<typeof connectionShape>>

/** A connection as its row holds it, but for its secret, its name and whose it is. */
export type ConnectionContent = Omit<
  Connection,
  'id' | 'name' | 'handle' | 'organizationId' | 'clientSecret' | 'createdAt'
>

/** What is wrong with one member of the description. */
export interface ConnectionProblem {
  path: [keyof ConnectionDescription | 'client_secret']
  message: string
}

/** What a connection's rules ask about beside its description. */
export interface ConnectionSurroundings {
  /** Whether it has a secret, or will be given one. */
  hasSecret: boolean
  /** Whether it belongs to an organization; otherwise to the whole deployment. */
  hasOrganization: boolean
}

/** The rules that span several members; the shape has been checked. Empty when the connection may be saved. */
export function connectionProblems(
  connection: ConnectionDescription,
  { hasSecret, hasOrganization }: ConnectionSurroundings,
): ConnectionProblem[] {
  const { type } = connection
  const problems: ConnectionProblem[] = []
  const report = (name: ConnectionProblem['path'][0], message: string) => problems.push({ path: [name], message })
  const has = (name: 'default_teams' | 'group_teams') => Object.keys(connection[name] ?? {}).length > 0

  if (type === 'oidc' && connection.issuer == null) report('issuer', 'is required for type oidc')
  if (type === 'google' && connection.issuer != null) report('issuer', `is ${knownIssuers.google}: leave it out`)
  if (type !== 'oidc' && !hasSecret) report('client_secret', `is required for type ${type}`)
  if (type === 'github' && (connection.group_claim != null || has('group_teams'))) {
    report('group_claim', 'groups are for type oidc and google; GitHub tells none')
  } else if (has('group_teams') && connection.group_claim == null) {
    report('group_claim', 'is required with group_teams: the claim that holds the groups')
  }
  if (hasOrganization) return problems
  const ofOrganizations = "is for an organization's connection; this one belongs to the whole deployment"
  if (has('default_teams')) report('default_teams', ofOrganizations)
  if (connection.group_claim != null || has('group_teams')) report('group_claim', ofOrganizations)
  if (connection.required) report('required', ofOrganizations)
  return problems
}

/**
 * Whether sign-ins may be entrusted to what is at a URL: over https, or at a host that the operator allows by name.
 * Where its name leads when it is called is for `createOutboundFetch` to judge.
 */
export function isTrustworthyUrl(value: unknown, outboundAllowedHosts: readonly string[]): boolean {
  const url = typeof value === 'string' ? URL.parse(value) : null
  if (url?.protocol !== 'http:') return url?.protocol === 'https:'
  return outboundAllowedHosts.includes(url.host) || outboundAllowedHosts.includes(url.hostname)
}

/** The message with which an issuer that isn't is refused. */
export const untrustworthyIssuer = 'must be an https URL (or its host is named in OUTBOUND_ALLOWED_HOSTS)'

/**
 * The row of a description that `connectionProblems` finds nothing wrong with.
 *
 * `jit` is off by default only where an organization uses Google or GitHub: any stranger may have an account there, and
 * would be a member, so it has to be said. An account made for the whole deployment belongs to no organization.
 * @param teamIdOf by name; the names have been checked
 */
export function toConnectionContent(
  connection: ConnectionDescription,
  { hasOrganization, teamIdOf }: { hasOrganization: boolean; teamIdOf: (name: string) => string },
): ConnectionContent {
  return {
    type: connection.type,
    displayName: connection.display_name ?? null,
    issuer: connection.issuer ?? null,
    clientId: connection.client_id,
    jit: connection.jit ?? (!hasOrganization || connection.type === 'oidc'),
    defaultTeamIds: [...new Set(connection.default_teams?.map(teamIdOf))],
    groupClaim: connection.group_claim ?? null,
    groupTeamIds: Object.fromEntries(
      Object.entries(connection.group_teams ?? {}).map(([group, team]) => [group, teamIdOf(team)]),
    ),
    required: connection.required ?? false,
    signOut: connection.sign_out ?? false,
    enabled: connection.enabled ?? true,
  }
}

/**
 * The same the other way round, with every default written out. A team that has been deleted is left out.
 * @param teamNames by id
 */
export function describeConnection(content: ConnectionContent, teamNames: ReadonlyMap<string, string>) {
  const groups = Object.entries(content.groupTeamIds).map(([group, id]) => [group, teamNames.get(id)])
  return {
    type: content.type,
    display_name: content.displayName,
    issuer: content.issuer,
    client_id: content.clientId,
    jit: content.jit,
    default_teams: content.defaultTeamIds.flatMap((id) => teamNames.get(id) ?? []).sort(),
    group_claim: content.groupClaim,
    group_teams: Object.fromEntries(groups.filter(([, name]) => name !== undefined)) as Record<string, string>,
    required: content.required,
    sign_out: content.signOut,
    enabled: content.enabled,
  }
}

/** Whether passwords are refused in its organization because of this connection. */
export function refusesPasswords({ required, enabled }: Pick<Connection, 'required' | 'enabled'>): boolean {
  return required && enabled
}

/** What its button says: its display name, else the provider's, else its own. */
export function connectionLabel(connection: Pick<Connection, 'displayName' | 'type' | 'name'>): string {
  const providers = { google: 'Google', github: 'GitHub', oidc: connection.name }
  return connection.displayName ?? providers[connection.type]
}

/**
 * Who vouches for the identities of a connection: the `issuer` of its rows in `identities`, without slash at the end for
 * GitHub. A GitHub Enterprise Server is another than github.com, and its user 1 another person.
 */
export function issuerOf({ type, issuer }: Pick<Connection, 'type' | 'issuer'>): string {
  return (type === 'github' ? issuer?.replace(/\/+$/, '') : issuer) ?? knownIssuers[type]
}

/** Where the provider sends the browser back to, and what has to be registered there. */
export function callbackUrl(issuer: string, { handle }: Pick<Connection, 'handle'>): string {
  return `${issuer}/connections/${handle}/callback`
}

/** The provider acts, where what it says of a person makes or changes their account at a sign-in. */
export function providerOf({ id, name }: Pick<Connection, 'id' | 'name'>): SystemActor {
  return { system: 'connection', id, name }
}
