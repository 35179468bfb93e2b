/**
 * Who may use a route of the JSON API at all; what of its objects they see is the use case's answer.
 *
 * - `anyone`: without a credential
 * - `bearer`: any live credential, a service account's too
 * - `person`: a credential of a person, in their own hands: what they gave to another party's client is none
 * - `member`: of a person who acts in the organization that the path names; superadmins in every one
 * - `admin`: the same, who administers it; where the path names none, the one in which they act
 * - `superadmin`
 */
export type Who = 'anyone' | 'bearer' | 'person' | 'member' | 'admin' | 'superadmin'

/** Which API keys of these people may use it: every one, those made for administration, none. */
export type Keys = 'every' | 'administration' | 'never'

export interface Right {
  readonly who: Who
  readonly keys: Keys
}

const right =
  <W extends Who>(who: W) =>
  <K extends Keys>(keys: K) =>
    ({ who, keys }) as const

const anyone = right('anyone')('every')
const bearer = right('bearer')
const person = right('person')
const member = right('member')
const admin = right('admin')
const superadmin = right('superadmin')

/**
 * The one table of rights: each route of the JSON API, by its name, and who may use it. The kit enforces it, and
 * `test/surfaces/api-kit/rights.test.ts` tries every route as every kind of caller.
 */
export const rights = {
  authenticate: anyone,
  refreshByUrl: anyone,
  refresh: anyone,
  signOut: bearer('never'),
  discoverOrganizations: anyone,
  verify: bearer('every'),
  me: bearer('every'),

  listOrganizations: person('every'),
  createOrganization: superadmin('administration'),
  getOrganization: member('every'),
  editOrganization: admin('administration'),

  listMembers: admin('every'),
  getMember: admin('every'),
  inviteMember: admin('administration'),
  changeMember: admin('administration'),
  removeMember: admin('administration'),
  listInvitations: admin('every'),
  withdrawInvitation: admin('administration'),
  resendInvitation: admin('administration'),

  listTeams: admin('every'),
  createTeam: admin('administration'),
  getTeam: admin('every'),
  editTeam: admin('administration'),
  deleteTeam: admin('administration'),
  listTeamMembers: admin('every'),
  addTeamMember: admin('administration'),
  removeTeamMember: admin('administration'),

  getGrantsOfMember: admin('every'),
  setGrantsOfMember: admin('administration'),
  getGrantsOfTeam: admin('every'),
  setGrantsOfTeam: admin('administration'),
  getGrantsOfServiceAccount: admin('every'),
  setGrantsOfServiceAccount: admin('administration'),

  listPermissions: person('every'),
  getPermission: person('every'),
  createPermission: superadmin('administration'),
  editPermission: superadmin('administration'),
  deletePermission: superadmin('administration'),

  explainAuthorization: person('every'),
  impactOfChange: person('every'),

  listDomains: admin('every'),
  claimDomain: admin('never'),
  verifyDomain: admin('never'),
  removeDomain: admin('never'),

  listConnectionsOfOrganization: admin('every'),
  createConnectionOfOrganization: admin('never'),
  getConnectionOfOrganization: admin('every'),
  editConnectionOfOrganization: admin('never'),
  removeConnectionOfOrganization: admin('never'),
  tryConnectionOfOrganization: admin('never'),

  listConnections: superadmin('every'),
  createConnection: superadmin('never'),
  getConnection: superadmin('every'),
  editConnection: superadmin('never'),
  removeConnection: superadmin('never'),
  tryConnection: superadmin('never'),

  listClients: superadmin('every'),
  createClient: superadmin('administration'),
  getClient: superadmin('every'),
  editClient: superadmin('administration'),
  deleteClient: superadmin('administration'),
  listClientSecrets: superadmin('every'),
  rotateClientSecret: superadmin('administration'),
  deleteClientSecret: superadmin('administration'),

  listServiceAccounts: admin('every'),
  createServiceAccount: admin('administration'),
  getServiceAccount: admin('every'),
  editServiceAccount: admin('administration'),
  deleteServiceAccount: admin('administration'),
  listServiceAccountSecrets: admin('every'),
  rotateServiceAccountSecret: admin('administration'),
  deleteServiceAccountSecret: admin('administration'),

  listSigningKeys: superadmin('every'),
  rotateSigningKeys: superadmin('administration'),

  listApiKeys: person('every'),
  createApiKey: person('never'),
  getApiKey: person('every'),
  editApiKey: person('never'),
  revokeApiKey: person('never'),
  reactivateApiKey: person('never'),
  rotateApiKey: person('never'),
  deleteApiKey: person('never'),
  revokeLeakedApiKey: anyone,

  listUsers: superadmin('every'),
  createUser: superadmin('administration'),
  getUser: superadmin('every'),
  editUser: superadmin('administration'),
  mailPasswordReset: superadmin('administration'),

  listSessions: person('every'),
  endSession: person('never'),
  listAllowedApplications: person('every'),
  disallowApplication: person('never'),

  listAuthenticationLog: person('every'),
  listAuditLog: admin('every'),
} as const satisfies Record<string, Right>

/** The name of a route, which is its operation's in `/openapi.json`. */
export type RouteName = keyof typeof rights

/** Who may use the routes of these names. */
export type WhoOf<Name extends RouteName> = (typeof rights)[Name]['who']
