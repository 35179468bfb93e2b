import type { ConnectionEdit, NewConnection } from '#authentication/connections/save-connection.ts'
import type { Grants } from '#directory/access/grants.ts'
import type { NewTeam, TeamEdit, TeamPlace } from '#directory/access/save-team.ts'
import type { NewClient } from '#directory/clients/save-client.ts'
import type { MembershipEdit, NewMembership } from '#directory/organizations/save-membership.ts'
import type { NewOrganization, OrganizationEdit } from '#directory/organizations/save-organization.ts'
import type { NewUser, UserEdit } from '#directory/users/save-user.ts'
import type { Connection, SetupObject, User } from '#foundation/database/schema.ts'

/** A new user whose password, if it is given in plain, has not been hashed yet. */
export interface PlannedUser extends NewUser {
  password: string | undefined
}

/** A user of others' making whom the file takes over. */
export interface AdoptedUser {
  user: User
  /** The address was never proven: all that opens the account is voided first. */
  voided: boolean
  email: string
  /** Of a voided account, as for a new one. */
  password: string | undefined
  passwordHash: string | null
}

/** A row of an organization's: never found by its id alone. */
export interface InOrganization {
  id: string
  organizationId: string
}

/** The rows that make a plan true, gathered by kind so that each kind is a few statements. */
export interface SetupWrites {
  permissions: { name: string; description: string }[]
  newUsers: PlannedUser[]
  adoptedUsers: AdoptedUser[]
  userEdits: { id: string; edit: UserEdit }[]
  newOrganizations: NewOrganization[]
  organizationEdits: { id: string; edit: OrganizationEdit }[]
  domains: { organizationId: string; add: string[]; remove: string[] }[]
  newTeams: NewTeam[]
  teamEdits: (InOrganization & { edit: TeamEdit })[]
  removedTeams: InOrganization[]
  newMemberships: NewMembership[]
  membershipEdits: (InOrganization & { edit: MembershipEdit })[]
  removedMemberships: InOrganization[]
  directGrants: (Grants & { membershipId: string; organizationId: string })[]
  join: (TeamPlace & { organizationId: string })[]
  leave: (TeamPlace & { organizationId: string })[]
  newClients: NewClient[]
  changedClients: NewClient[]
  /** Which end all others of their clients; null: without another. */
  clientSecrets: { clientId: string; hash: Buffer | null }[]
  /** Clients whose resource identifier changes. */
  releasedResources: string[]
  removedConnections: { id: string; organizationId: string | null }[]
  connectionEdits: { edit: ConnectionEdit; before: Connection }[]
  newConnections: NewConnection[]
  /** What is the file's from now on, or under another name. */
  objects: SetupObject[]
  removedObjects: Pick<SetupObject, 'kind' | 'objectId'>[]
}

export function noWrites(): SetupWrites {
  return {
    permissions: [],
    newUsers: [],
    adoptedUsers: [],
    userEdits: [],
    newOrganizations: [],
    organizationEdits: [],
    domains: [],
    newTeams: [],
    teamEdits: [],
    removedTeams: [],
    newMemberships: [],
    membershipEdits: [],
    removedMemberships: [],
    directGrants: [],
    join: [],
    leave: [],
    newClients: [],
    changedClients: [],
    clientSecrets: [],
    releasedResources: [],
    removedConnections: [],
    connectionEdits: [],
    newConnections: [],
    objects: [],
    removedObjects: [],
  }
}
