/**
 * The house: floors from the ground up, and on each floor its rooms in order. An import points down, or along its floor
 * to a room that stands before. ARCHITECTURE.md draws the same picture.
 */
export const floors = {
  foundation: [
    'errors',
    'messages',
    'values',
    'crypto',
    'database',
    'redis',
    'http',
    'audit',
    'outbox',
    'config',
    'log',
  ],
  credentials: ['log', 'sessions', 'grants', 'issued', 'revocation', 'signing-keys', 'resolve'],
  directory: ['users', 'organizations', 'access', 'clients', 'signing-keys'],
  // A setup spans people, organizations, clients and connections, so what applies it stands above them all.
  authentication: ['mail-links', 'passwords', 'transfer', 'connections', 'joining', 'api-keys', 'setup', 'overview'],
  protocol: ['request', 'library', 'adapters', 'provider', 'direct'],
  surfaces: [
    'api-kit',
    'page-kit',
    'api-docs',
    'operations',
    'oauth',
    'sign-in',
    'joining',
    'account',
    'organizations',
    'members',
    'domains',
    'connections',
    'users',
    'sessions',
    'signing-keys',
    'grants',
    'clients',
    'teams',
    'authorization',
    'api-keys',
    'authentication-log',
    'audit-log',
    'console',
    'direct',
    'setup',
    'demo',
    'doctor',
    'cli',
  ],
  roof: ['sweep', 'jobs', 'app', 'parts', 'routes', 'server', 'banner', 'workers', 'main', 'gatehouse'],
} as const

export type Floor = keyof typeof floors

export interface Place {
  floor: Floor
  room: string
}

/** `src/foundation/http/list.ts` is in the room http; `src/foundation/errors.ts` is a room of one file. */
export function placeOf(file: string): Place {
  const [top, ...rest] = file.replace(/\.ts$/, '').split('/')
  if (top === 'adapters') return { floor: 'protocol', room: 'adapters' }
  const [floor = '', room] = rest
  return room === undefined ? { floor: 'roof', room: floor } : { floor: floor as Floor, room }
}

/** Where a place stands: floors count before rooms. */
export function heightOf({ floor, room }: Place): number {
  const rooms: readonly string[] = floors[floor] ?? []
  return Object.keys(floors).indexOf(floor) * 100 + rooms.indexOf(room)
}

/** Each table and the one room whose code writes it. */
export const writersOfTables: Record<string, string | readonly string[]> = {
  users: 'directory/users',
  organizations: 'directory/organizations',
  organizationDomains: 'directory/organizations',
  // Who is a member, and (of the same rows) what they may do: the columns of grants and their union.
  memberships: ['directory/organizations', 'directory/access'],
  invitations: 'authentication/joining',
  firstSuperadminLink: 'authentication/joining',
  teams: 'directory/access',
  teamMembers: 'directory/access',
  permissions: 'directory/access',
  clients: 'directory/clients',
  clientSecrets: 'directory/clients',
  mailLinks: 'authentication/mail-links',
  connections: 'authentication/connections',
  identities: 'authentication/connections',
  setupObjects: 'authentication/setup',
  // What makes a session, grant, token or key, and the one room that ends any of them.
  sessions: ['credentials/sessions', 'credentials/revocation'],
  oauthGrants: ['credentials/grants', 'credentials/revocation'],
  credentials: ['credentials/issued', 'credentials/revocation'],
  tokenAnswers: 'credentials/grants',
  signingKeys: 'credentials/signing-keys',
  authenticationLogBatches: 'credentials/log',
  authenticationLogHolders: 'credentials/log',
  authenticationLogWays: 'credentials/log',
  authenticationLogSegments: 'credentials/log',
  authenticationLogSubjects: 'credentials/log',
  // Counted where they are resolved; the log lets old ones go.
  unknownUses: ['credentials/log', 'credentials/resolve'],
  authenticationLogDays: 'credentials/log',
  clientUses: 'credentials/log',
  protocolState: 'protocol/adapters',
  singleUses: 'foundation/database',
  jobLeases: 'foundation/database',
  rateLimits: 'foundation/http',
  idempotentRequests: 'foundation/http',
  idempotentAnswers: 'foundation/http',
  mailOutbox: 'foundation/outbox',
  auditLog: 'foundation/audit',
  auditHeads: 'foundation/audit',
}
