/** What the groups of operations are about, in the order of the document. */
const descriptions: Record<string, string> = {
  Authentication: 'Tokens by e-mail address and password, for programs without a browser',
  Me: 'Who a credential acts for',
  OAuth: 'Endpoints of OAuth 2.0 and OpenID Connect that programs call',
  Verification: 'What a presented credential may do, for APIs and for proxies in front of them',
  Organizations: 'Tenants: created, edited, suspended, found again',
  Members: 'People in an organization, and invitations into it',
  Teams: 'Named groups of members, which hold permissions and data scopes',
  Grants: 'What members, teams and service accounts may do and see',
  Permissions: 'The catalogue of permissions',
  Authorization: 'Why somebody may do something, and what a change would take away',
  Domains: 'E-mail domains of an organization, proved by a TXT record',
  Connections: 'Upstream identity providers',
  Clients: 'OAuth clients and resource servers of the deployment',
  'Service accounts': 'Clients that act for themselves in an organization',
  'API keys': 'Long-lived credentials of people',
  Sessions: 'Where people are signed in',
  Users: 'People, across all organizations',
  'Signing keys': 'The keys that tokens are signed with',
  'Authentication log': 'Every use of a credential',
  'Audit log': 'Every administrative change',
  Operations: 'For load balancers and whoever watches the server',
}

/** The tags that are used, in the order of this table; one that it lacks comes last. */
export function tagsOf(operations: readonly { tags: readonly string[] }[]): { name: string; description: string }[] {
  const used = new Set(operations.flatMap(({ tags }) => tags))
  const known = Object.keys(descriptions).filter((name) => used.has(name))
  const names = [...known, ...[...used].filter((name) => !(name in descriptions))]
  return names.map((name) => ({ name, description: descriptions[name] ?? name }))
}
