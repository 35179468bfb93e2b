import { isObject, type Json, mapValues } from './plain-schema.ts'

interface FieldWords {
  description?: string
  example?: unknown
}

const user = 'usr_0kR7wXcY2mLqZ4nTfB9d'
const organization = 'org_5vJ1sHpE8gNaU3yKxQ6t'
const team = 'team_9cMw2LzXo7RbVq4DhT1s'
const apiKey = 'key_3pWn6YtGs1KdQz8JmC5x'
const time = '2027-01-31T12:00:00.000Z'

const cursor = 'WyIyMDI3LTAxLTMxVDEyOjAwOjAwLjAwMFoiLCJrZXlfM3BXbiJd'

const example = (value: unknown): FieldWords => ({ example: value })

/**
 * What a field means and looks like wherever it stands, so that it is said once; a schema that says more says it itself,
 * with `.describe(…)` and `.meta({ examples: […] })`. `user.id` is the id of what stands in a field `user` or is called so,
 * `path.user` and `query.user` are parameters, `authenticate.org` is in the body of that operation.
 */
const words: Record<string, FieldWords> = {
  id: { description: 'Never changes, and is never given to anything else', example: 'inv_2hFq8ZbTn5XsLw0RvK7m' },
  ...owned(['user', 'created_by', 'revoked_by', 'invited_by', 'User'], 'id', example(user)),
  ...owned(['organization', 'organizations', 'OrganizationSummary', 'Organization'], 'id', example(organization)),
  ...owned(['team', 'teams', 'Team'], 'id', example(team)),
  ...owned(['team', 'teams', 'Team'], 'name', example('readers')),
  ...owned(['ApiKey', 'NewApiKey', 'path'], 'id', example(apiKey)),
  ...owned(['withdrawInvitation', 'resendInvitation'], 'id', example('inv_2hFq8ZbTn5XsLw0RvK7m')),
  ...owned(['ApiKey', 'NewApiKey', 'createApiKey', 'editApiKey', 'credential'], 'name', example('nightly export')),
  ...owned(['Connection', 'createConnection', 'createConnectionOfOrganization', 'path'], 'name', {
    description: 'Unique for its owner; part of its callback URL',
    example: 'acme-okta',
  }),
  name: { description: 'As people read it', example: 'Ada Lovelace' },
  ...owned(
    ['OrganizationSummary', 'Organization', 'organization', 'organizations'],
    'name',
    example('Acme Corporation'),
  ),
  slug: { description: 'Part of the login URL: lower-case letters, digits and hyphens', example: 'acme' },
  org: { description: 'Slug or id of the organization', example: 'acme' },
  email: { description: 'E-mail address; compared without regard to case', example: 'ada@acme.test' },
  emailId: { description: 'The same as `email`', example: 'ada@acme.test' },
  password: { description: 'As it was chosen, to the last space', example: 'correct horse battery staple' },
  description: { description: 'For people; may be empty', example: 'Reads the inventory every night' },
  admin: { description: 'Whether this person administers the organization', example: false },
  superadmin: { description: 'Whether this person may do and see everything, in every organization', example: false },
  active: { description: 'Whether it is switched on', example: true },
  administration: { description: 'Whether the key changes anything through this API', example: false },

  created_at: { description: 'When it was made', example: time },
  created_by: { description: 'Who made it; null: itself, a setup file, or somebody who is gone' },
  updated_at: { description: 'When it was last changed', example: time },
  expires_at: { description: 'From when on it is refused', example: time },
  expires_in: { description: 'In how many seconds it ends', example: 900 },
  expires_in_days: { description: 'In how many days it ends; excludes `expires_at`', example: 90 },
  overlap_seconds: { description: 'How long the old one goes on working', example: 3600 },
  last_used_at: { description: 'When it was last used, true within a minute; null: never', example: time },
  revoked_at: { description: 'When it was revoked; null: it was not', example: null },
  revoked_by: { description: 'Who revoked it', example: null },
  verified_at: { description: 'When it was proved; null: not yet', example: time },
  occurred_at: { description: 'When it happened', example: time },
  invited_by: { description: 'Who invited; null: somebody who is gone' },

  user: { description: 'Whom it belongs to', example: 'ada@acme.test' },
  'path.team': { description: 'Id, or name in any spelling', example: 'readers' },
  'path.user': { description: 'Id or e-mail address, URL-encoded', example: 'ada@acme.test' },
  organization: { description: 'In which organization', example: 'acme' },
  ...owned(['path', 'query'], 'organization', { description: 'Slug or id of an organization' }),
  organizations: { description: 'Of which there are to choose from' },
  memberships: { description: 'All of this person’s organizations' },
  team: { description: 'Id or name of a team', example: 'readers' },
  teams: { description: 'Ids or names of teams', example: ['readers'] },
  client: { description: 'The client that it was given to; null for an API key' },

  permissions: {
    description: 'What may be done: `resource:action`, `resource:*`, or `*` for everything in the organization',
    example: ['configuration-items:read'],
  },
  permission: { description: '`resource:action`, or a wildcard of it', example: 'configuration-items:read' },
  data_scopes: {
    description: 'Which rows are seen; none at all sees nothing',
    example: [{ source: 'kubernetes', scope_id: 'prod-cluster' }],
  },
  source: { description: 'Where the rows come from; null: everywhere', example: 'kubernetes' },
  scope_id: { description: 'Which part of the source, which it needs; null: all of it', example: 'prod-cluster' },
  ...owned(['permissions', 'data_scopes'], 'from', { description: 'Every place that it comes from' }),

  items: { description: 'One page, newest first' },
  next_cursor: {
    description: 'What `cursor` of the next request says; null: this was the last page',
    example: cursor,
  },
  cursor: { description: '`next_cursor` of the page before', example: cursor },
  limit: { description: 'How many rows a page has', example: 50 },
  status: { description: 'What state it is in' },
  ...owned(['query', 'AuthenticationLogEntry'], 'outcome', {
    description: '`accepted`, `refused`, or `denied`: alive, but not allowed what was asked',
  }),
  from: { description: 'From this moment on; a date: from its start, UTC', example: '2027-01-01' },
  to: { description: 'Before this moment; a date: to its end, UTC', example: '2027-01-31' },
  api_key: { description: 'Id of an API key', example: apiKey },

  token: { description: 'An access token, or its refresh token', example: 'tVqW3xP0mZkT9wQx4bLmrN8cKq2sLd' },
  key: { description: 'The API key itself', example: 'gate_usr_9fKq2sLdX7wVn3hPzT5yBc8mRj1gQa4e0x1Y2z' },
  hint: { description: 'Its prefix and last four characters', example: 'gate_usr_…1Y2z' },
  format: { description: '`jwt` can be verified offline, and then lives on there after it is revoked' },
  Authorization: { example: 'tVqW3xP0mZkT9wQx4bLmrN8cKq2sLd' },
  access_token: { description: 'Presented as `Authorization: Bearer …`', example: 'tVqW3xP0mZkT9wQx4bLmrN8cKq2sLd' },
  refresh_token: { description: 'Gets the next pair, once', example: 'rN8cKq2sLdX7wVn3hPzT5yBc8mRj1g' },
  token_type: { description: 'How it is presented', example: 'Bearer' },
  client_id: { description: 'Of an OAuth client', example: 'nightly-export' },
  client_secret: {
    description: 'Stored so that nobody can read it, and never shown again',
    example: 'aF3kV0qLx8wRz5Tn2YbC7hMd',
  },

  logo_url: { description: 'Its logo, on the pages of the sign-in', example: 'https://acme.test/logo.svg' },
  default_locale: { description: 'The language of its pages and mails', example: 'de' },
  accent_color: { description: 'The colour of its buttons and links', example: '#1a5fb4' },
  has_password: { description: 'Whether this person can sign in with a password', example: true },
  email_verified: { description: 'Whether the address was proved', example: true },
  device: { description: 'The browser and system, as far as they say', example: 'Firefox on Linux' },
  allowed: { description: 'Whether all that was asked about is held', example: true },
  'because.kind': { description: 'Whether it is held directly, by a team, or by being a superadmin' },
  ...owned(['query', 'path'], 'change', { description: 'What would be done', example: 'member_removed' }),
  people: { description: 'The people whom it concerns' },
  api_keys: { description: 'The API keys that it concerns' },
  service_accounts: { description: 'The service accounts that it concerns' },
  ...owned(['counts'], 'people', { description: 'How many people', example: 3 }),
  ...owned(['counts'], 'api_keys', { description: 'How many API keys', example: 2 }),
  ...owned(['counts'], 'service_accounts', { description: 'How many service accounts', example: 1 }),

  client_name: { description: 'What people read at consent', example: 'Console' },
  first_party: { description: 'Whether it is ours, and asks nobody for consent', example: false },
  resource_server: { description: 'Whether it may introspect', example: false },
  resource: {
    description: 'The identifier of its API, which tokens are asked for by',
    example: 'https://inventory.example',
  },
  access_token_format: { description: 'What access tokens for it are: opaque, or a JWT that it can verify itself' },
  client_uri: { description: 'Its home page', example: 'https://app.acme.test/' },
  logo_uri: { description: 'Its logo', example: 'https://app.acme.test/logo.svg' },
  policy_uri: { description: 'Its privacy policy', example: 'https://app.acme.test/privacy' },
  tos_uri: { description: 'Its terms of service', example: 'https://app.acme.test/terms' },
  default_max_age: { description: 'How old a sign-in may be, in seconds', example: 86_400 },
  keys: {
    description: 'The public keys (RFC 7517)',
    example: [
      {
        kty: 'EC',
        crv: 'P-256',
        kid: '2027',
        x: 'f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU',
        y: 'x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0',
      },
    ],
  },
  jwk: { description: 'The public key (RFC 7517)', example: { kty: 'EC', crv: 'P-256', kid: 'b2Kq7vXw' } },
  kid: { description: 'The id of the key, as signatures name it', example: 'b2Kq7vXw' },
  alg: { description: 'What it signs with', example: 'ES256' },
  since: { description: 'Since when it is in this state', example: time },

  'Connection.type': { description: 'Which kind of identity provider it is' },
  type: { description: 'Of which kind it is' },
  display_name: { description: 'What people read; null: made from its kind', example: 'Acme Okta' },
  label: { description: 'What its button says', example: 'Acme Okta' },
  issuer: { description: 'The provider’s issuer identifier, of `oidc`', example: 'https://idp.example' },
  has_client_secret: { description: 'Whether a secret is stored', example: true },
  jit: { description: 'Whether whoever signs in through it for the first time gets an account', example: true },
  default_teams: { description: 'The teams of a member who comes through it for the first time', example: ['readers'] },
  group_claim: { description: 'Which claim names the groups that a person is in', example: 'groups' },
  group_teams: { description: 'Which team each group leads to', example: { sre: 'writers' } },
  required: { description: 'Whether members of the organization sign in through it and no other way', example: false },
  sign_out: { description: 'Whether signing out here signs out there, too', example: false },
  enabled: { description: 'Whether it is switched on', example: true },
  callback_url: {
    description: 'What is registered at the provider as redirect URI',
    example: 'https://id.acme.test/connections/acme-okta/callback',
  },
  steps: { description: 'What was tried, in order' },
  step: { description: 'What was tried' },
  'steps.outcome': { description: 'How it went; what comes after a failure is skipped' },
  detail: { description: 'What a person may read about it', example: 'The issuer answers' },
  domain: { description: 'An e-mail domain', example: 'acme.test' },
  record: { description: 'What its owner publishes in the DNS' },
  'record.type': { description: 'Of which type the record is' },
  'record.name': { description: 'Where the record stands', example: '_gatehouse.acme.test' },
  'record.value': { description: 'What the record says', example: 'gatehouse-verification=Xk3vQ9' },

  credential: { description: 'What was presented' },
  'credential.id': { description: 'Of passwords, codes and what nobody knows: null', example: apiKey },
  'credential.kind': { description: 'What it was', example: 'api_key' },
  reason: { description: 'Why it was refused or denied; null where it was accepted', example: null },
  via: { description: 'How it came', example: 'x-api-key' },
  'AuthenticationLogEntry.resource_server': {
    description: 'The client id of the API that asked',
    example: 'inventory-api',
  },
  ip: { description: 'The address that it came from', example: '192.0.2.7' },
  user_agent: { description: 'The `User-Agent` that it came with', example: 'curl/8.5.0' },
  method: { description: 'The method of the request', example: 'GET' },
  path: { description: 'The path of the request, without secrets', example: '/inventory/items' },
  count: { description: 'How many uses this stands for', example: 1 },
  request_id: { description: 'Under which the log tells more', example: 'V1StGXR8_Z5jdHi6B-myT' },
}

/** What a schema of its own name is. */
const objects: Record<string, string> = {
  Tokens: 'An access token, and the refresh token that gets the next pair',
  OrganizationSummary: 'An organization, as other things mention it',
  CallerDescription: 'Who a credential acts for, where, and what it may do and see',
  Connection: 'An upstream identity provider',
  Domain: 'An e-mail domain of an organization',
  Invited: 'What became of an invitation',
  Invitation: 'An open invitation',
  Member: 'A person in an organization',
  AuthenticationLogEntry: 'One use of a credential',
  ApiKey: 'An API key, without the key itself',
  Client: 'An OAuth client or a resource server (RFC 7591)',
  ClientSecret: 'A secret of a client, without the secret itself',
  NewClientSecret: 'A secret of a client, shown this once',
  ServiceAccount: 'A client that acts for itself in an organization',
  Organization: 'A tenant',
  User: 'A person, across all organizations',
  Team: 'A named group of members',
  TeamMember: 'A person in a team',
  Session: 'Where a person is signed in',
  AllowedApplication: 'A client that a person lets act for them',
  Permission: 'A permission of the catalogue',
  Grants: 'What may be done and seen',
  Explanation: 'Why something is allowed, or what is missing',
  Impact: 'What a change would take away, and from whom',
  AuditLogEntry: 'One administrative change',
  SigningKey: 'A key that tokens are signed with',
  NewApiKey: 'An API key with the key itself, shown this once',
}

function owned(owners: readonly string[], name: string, said: FieldWords): Record<string, FieldWords> {
  return Object.fromEntries(owners.map((owner) => [`${owner}.${name}`, said]))
}

/** What is said of a field of `owner`, its own words before those of its name. */
export function wordsOf(owner: string, name: string): FieldWords {
  return { ...words[name], ...words[`${owner}.${name}`] }
}

/** A schema whose fields all say what they mean and what they look like. @param owner its name, or that of its field */
export function withFieldWords(schema: Json, owner: string): Json {
  const { properties, items, additionalProperties, anyOf } = schema
  const description = schema.description ?? objects[owner]
  return {
    ...schema,
    ...(description !== undefined && { description }),
    ...(isObject(properties) && {
      properties: mapValues(properties, (field, name) => described(field as Json, owner, name)),
    }),
    ...(isObject(items) && { items: withFieldWords(items, owner) }),
    ...(isObject(additionalProperties) && { additionalProperties: withFieldWords(additionalProperties, owner) }),
    ...(Array.isArray(anyOf) && { anyOf: anyOf.map((one) => withFieldWords(one, owner)) }),
  }
}

/** What a reference leads to speaks for itself. */
function described(field: Json, owner: string, name: string): Json {
  const inner = withFieldWords(field, name)
  if ('$ref' in inner) return inner
  const { description, example } = wordsOf(owner, name)
  return {
    ...inner,
    ...(inner.description === undefined && description !== undefined && { description }),
    ...(inner.examples === undefined && fits(example, inner) && { examples: [example] }),
  }
}

/** Whether the example of a name is one of this field, which may be called the same and be something else. */
function fits(
  example: unknown,
  { type, enum: values, pattern, format, items, properties, required = [] }: Json,
): boolean {
  if (example === undefined || Array.isArray(values)) return false
  const types = [type].flat()
  if (example === null) return types.includes('null')
  if (Array.isArray(example)) return types.includes('array') && fits(example[0], (items ?? {}) as Json)
  if (typeof example === 'string') {
    const isTime = format === 'date-time'
    const matches = typeof pattern !== 'string' || new RegExp(pattern).test(example)
    return types.includes('string') && matches && (!isTime || example.includes('T'))
  }
  if (typeof example === 'number') return types.includes('integer') || types.includes('number')
  if (typeof example === 'boolean') return types.includes('boolean')
  const hasAll = (required as string[]).every((name) => name in (example as Json))
  const knowsAll = !isObject(properties) || Object.keys(example as Json).every((name) => name in properties)
  return types.includes('object') && hasAll && knowsAll
}
