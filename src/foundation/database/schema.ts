import type { ColumnType, Generated, GeneratedAlways, Selectable } from 'kysely'
import type { DataScope } from '#foundation/values/data-scope.ts'

/** A jsonb or json column: objects come out parsed and go in as JSON text (`toJson`). */
type Json<T> = ColumnType<T, string, string>
type JsonWithDefault<T> = ColumnType<T, string | undefined, string>

export interface UsersTable {
  id: string
  email: string
  emailVerifiedAt: Date | null
  name: string
  passwordHash: string | null
  passwordChangedAt: Date | null
  superadmin: Generated<boolean>
  deactivatedAt: Date | null
  createdAt: Generated<Date>
}

export interface OrganizationsTable {
  id: string
  slug: string
  name: string
  logoUrl: string | null
  accentColor: string | null
  allowsKeysInQuery: Generated<boolean>
  joinByDomain: Generated<boolean>
  defaultLocale: string | null
  /** Of its name and slug; empty until the next start where an earlier version made it. */
  nameSkeletons: Generated<string[]>
  suspendedAt: Date | null
  createdAt: Generated<Date>
}

export interface OrganizationDomainsTable {
  domain: string
  organizationId: string
  verifiedAt: Date | null
  createdAt: Generated<Date>
}

export interface MembershipsTable {
  id: string
  organizationId: string
  userId: string
  admin: Generated<boolean>
  permissions: JsonWithDefault<string[]>
  dataScopes: JsonWithDefault<DataScope[]>
  effectivePermissions: JsonWithDefault<string[]>
  effectiveDataScopes: JsonWithDefault<DataScope[]>
  deactivatedAt: Date | null
  createdAt: Generated<Date>
  /** Kept by triggers, as all that follows: what `users` and `organizations` say. */
  userEmail: GeneratedAlways<string>
  userSuperadmin: GeneratedAlways<boolean>
  userDeactivated: GeneratedAlways<boolean>
  organizationSlug: GeneratedAlways<string>
  organizationSuspended: GeneratedAlways<boolean>
  allowsKeysInQuery: GeneratedAlways<boolean>
}

export interface TeamsTable {
  id: string
  organizationId: string
  name: string
  permissions: JsonWithDefault<string[]>
  dataScopes: JsonWithDefault<DataScope[]>
  createdAt: Generated<Date>
}

export interface TeamMembersTable {
  teamId: string
  membershipId: string
  createdAt: Generated<Date>
}

export interface PermissionsTable {
  name: string
  description: Generated<string>
  createdAt: Generated<Date>
}

export interface ClientsTable {
  clientId: string
  clientName: string
  metadata: JsonWithDefault<Record<string, unknown>>
  firstParty: Generated<boolean>
  resourceServer: Generated<boolean>
  resource: string | null
  accessTokenFormat: Generated<'opaque' | 'jwt'>
  organizationId: string | null
  permissions: JsonWithDefault<string[]>
  dataScopes: JsonWithDefault<DataScope[]>
  revision: string
  deactivatedAt: Date | null
  createdAt: Generated<Date>
}

export interface ClientSecretsTable {
  id: string
  clientId: string
  hash: Buffer
  hint: string | null
  createdAt: Generated<Date>
  expiresAt: Date | null
}

export interface OauthGrantsTable {
  id: string
  clientId: string
  userId: string
  organizationId: string
  sessionUid: string | null
  payload: Json<Record<string, unknown>>
  createdAt: Generated<Date>
  expiresAt: Date
  revokedAt: Date | null
}

export interface CredentialsTable {
  hash: Buffer
  format: 'opaque' | 'jwt'
  kind: 'access_token' | 'refresh_token' | 'api_key'
  id: string
  name: string | null
  grantId: string | null
  clientId: string | null
  userId: string | null
  organizationId: string | null
  scope: Generated<string>
  audience: string | null
  permissions: JsonWithDefault<string[] | null>
  dataScopes: JsonWithDefault<DataScope[] | null>
  payload: JsonWithDefault<Record<string, unknown> | null>
  issuedAt: Generated<Date>
  expiresAt: Date
  spentAt: Date | null
  revokedAt: Date | null
  description: Generated<string>
  hint: string | null
  createdBy: string | null
  revokedBy: string | null
  revocation: Revocation | null
  expiryRemindedAt: Date | null
  administration: Generated<boolean>
  supersededBy: string | null
  /** Of an API key: unseen from then on, and dead. */
  deletedAt: Date | null
}

/** Who ended an API key: its owner, an administrator of the organization, or a finder's report. */
export type Revocation = 'owner' | 'admin' | 'leaked'

export interface TokenAnswersTable {
  requestHash: Buffer
  answer: Buffer
  expiresAt: Date
}

export interface IdempotentRequestsTable {
  keyHash: Buffer
  requestHash: Buffer
  expiresAt: Date
}

export interface IdempotentAnswersTable {
  keyHash: Buffer
  answer: Buffer
  expiresAt: Date
}

export interface ProtocolStateTable {
  model: string
  idHash: Buffer
  uid: string | null
  userCodeHash: Buffer | null
  payload: Json<Record<string, unknown>>
  expiresAt: Date
}

export interface SingleUsesTable {
  hash: Buffer
  expiresAt: Date
}

export interface SigningKeysTable {
  kid: string
  alg: string
  status: 'next' | 'current' | 'retired'
  privateJwk: Buffer
  createdAt: Generated<Date>
  statusSince: Generated<Date>
}

/** A view: of what one statement logged each, and of what is packed (`credentials/log`). */
export interface AuthenticationLogView {
  id: Generated<number>
  occurredAt: Generated<Date>
  /** Denied: a live credential, whose holder may not do what was asked. */
  outcome: 'accepted' | 'refused' | 'denied'
  reason: string | null
  credentialId: string | null
  credentialKind: string
  credentialName: string | null
  via: string
  userId: string | null
  userEmail: string | null
  organizationId: string | null
  clientId: string | null
  resourceServer: string | null
  ip: string | null
  userAgent: string | null
  method: string | null
  path: string | null
}

/** Uses of what has no owner, summed up. */
export interface UnknownUsesTable {
  id: Generated<number>
  minute: Date
  /** In CIDR notation. */
  network: string | null
  via: string
  reason: string
  resourceServer: string | null
  count: number
}

/** When each client was last used. */
export interface ClientUsesTable {
  clientId: string
  lastUsedAt: Date
}

export interface AuthenticationLogDaysTable {
  subject: string
  day: string
  kind: string
  outcome: 'accepted' | 'refused' | 'denied'
  uses: number
}

export interface AuditLogTable {
  id: Generated<number>
  occurredAt: Generated<Date>
  actorKind: string
  actorId: string | null
  actorName: string
  ownerId: string | null
  ownerName: string | null
  via: string
  action: string
  subjectKind: string
  subjectId: string | null
  subjectName: string
  organizationId: string | null
  ip: string | null
  requestId: string | null
  before: JsonWithDefault<unknown>
  after: JsonWithDefault<unknown>
  /** Both are written at the commit. */
  seq: Generated<number>
  hash: Generated<Buffer>
}

export interface AuditHeadsTable {
  chain: string
  seq: number
  hash: Buffer
}

export interface SessionsTable {
  uid: string
  userId: string
  ip: string | null
  userAgent: string | null
  createdAt: Generated<Date>
  lastUsedAt: Generated<Date>
  endedAt: Date | null
}

export type MailLinkPurpose =
  | 'verify_email'
  | 'reset_password'
  | 'change_email'
  | 'sign_up'
  | 'invitation'
  | 'prove_account'

export interface MailLinksTable {
  hash: Buffer
  purpose: MailLinkPurpose
  email: string
  userId: string | null
  organizationId: string | null
  payload: JsonWithDefault<Record<string, unknown>>
  createdAt: Generated<Date>
  expiresAt: Date
  usedAt: Date | null
}

export interface InvitationsTable {
  id: string
  organizationId: string
  email: string
  admin: Generated<boolean>
  teamIds: JsonWithDefault<string[]>
  invitedBy: string | null
  createdAt: Generated<Date>
  acceptedAt: Date | null
  withdrawnAt: Date | null
}

export interface MailOutboxTable {
  id: string
  template: string
  recipientHash: Buffer
  content: Buffer | null
  attempts: Generated<number>
  nextAttemptAt: Generated<Date>
  claimedUntil: Date | null
  lastError: string | null
  createdAt: Generated<Date>
  deliveredAt: Date | null
  givenUpAt: Date | null
}

export interface ConnectionsTable {
  id: string
  name: string
  handle: string
  organizationId: string | null
  type: 'oidc' | 'google' | 'github'
  displayName: string | null
  issuer: string | null
  clientId: string
  clientSecret: Buffer | null
  jit: Generated<boolean>
  defaultTeamIds: JsonWithDefault<string[]>
  groupClaim: string | null
  groupTeamIds: JsonWithDefault<Record<string, string>>
  required: Generated<boolean>
  signOut: Generated<boolean>
  enabled: Generated<boolean>
  createdAt: Generated<Date>
}

/** What a setup file says of an object of its own beside what the object's row holds. */
export interface Declared {
  /** A person's name; null: the file gives none. */
  name?: string | null
  /** Ids of the teams that the file puts a member into. */
  teams?: string[]
  /** SHA-256 of a client's secret, in hex. */
  secret?: string
}

export interface SetupObjectsTable {
  kind: 'user' | 'organization' | 'team' | 'membership' | 'client' | 'connection'
  name: string
  objectId: string
  declared: JsonWithDefault<Declared>
}

export interface FirstSuperadminLinkTable {
  onlyRow: Generated<boolean>
  hash: Buffer
  expiresAt: Date
}

export interface IdentitiesTable {
  id: string
  connectionId: string
  issuer: string
  subject: string
  userId: string
  email: string | null
  createdAt: Generated<Date>
  lastUsedAt: Generated<Date>
}

export interface JobLeasesTable {
  name: string
  holder: string | null
  leasedUntil: Date
  dueAt: Date
}

/** Every table on one page; the columns' meaning is in `migrations/`. */
export interface Tables {
  users: UsersTable
  organizations: OrganizationsTable
  organizationDomains: OrganizationDomainsTable
  memberships: MembershipsTable
  teams: TeamsTable
  teamMembers: TeamMembersTable
  permissions: PermissionsTable
  clients: ClientsTable
  clientSecrets: ClientSecretsTable
  oauthGrants: OauthGrantsTable
  credentials: CredentialsTable
  tokenAnswers: TokenAnswersTable
  idempotentRequests: IdempotentRequestsTable
  idempotentAnswers: IdempotentAnswersTable
  protocolState: ProtocolStateTable
  singleUses: SingleUsesTable
  signingKeys: SigningKeysTable
  authenticationLog: AuthenticationLogView
  authenticationLogDays: AuthenticationLogDaysTable
  unknownUses: UnknownUsesTable
  clientUses: ClientUsesTable
  auditLog: AuditLogTable
  auditHeads: AuditHeadsTable
  mailOutbox: MailOutboxTable
  sessions: SessionsTable
  mailLinks: MailLinksTable
  invitations: InvitationsTable
  connections: ConnectionsTable
  identities: IdentitiesTable
  jobLeases: JobLeasesTable
  setupObjects: SetupObjectsTable
  firstSuperadminLink: FirstSuperadminLinkTable
}

export type User = Selectable<UsersTable>
export type Organization = Selectable<OrganizationsTable>
export type OrganizationDomain = Selectable<OrganizationDomainsTable>
export type Membership = Selectable<MembershipsTable>
export type Team = Selectable<TeamsTable>
export type Permission = Selectable<PermissionsTable>
export type Connection = Selectable<ConnectionsTable>
export type Identity = Selectable<IdentitiesTable>
export type SetupObject = Selectable<SetupObjectsTable>
export type Client = Selectable<ClientsTable>
