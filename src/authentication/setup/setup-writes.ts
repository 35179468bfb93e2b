import type { ConnectionEdit, NewConnection } from '#authentication/connections/save-connection.ts'
import type { Grants } from '#directory/access/grants.ts'
import type { NewTeam, TeamEdit, TeamPlace } from '#directory/access/save-team.ts'
import type { NewClient } from '#directory/clients/save-client.ts'
import type { MembershipEdit, NewMembership } from '#directory/organizations/save-membership.ts'
import type { NewOrganization, OrganizationEdit } from '#directory/organizations/save-organization.ts'
import type { NewUser, UserEdit } from '#directory/users/save-user.ts'
import type { Connection } from '#foundation/database/schema.ts'

/** A new user whose password, if it is given in plain, has not been hashed yet. */
export interface PlannedUser extends NewUser {
  password: string | undefined
}

interface InOrganization {
  id: string
  organizationId: string
}

/** The rows that make a plan true, gathered by kind so that each kind is a few statements. */
export interface SetupWrites {
  permissions: { name: string; description: string }[]
  newUsers: PlannedUser[]
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
  join: TeamPlace[]
  leave: TeamPlace[]
  newClients: NewClient[]
  changedClients: NewClient[]
  /** Clients whose resource identifier changes. */
  releasedResources: string[]
  /** Ids. */
  removedConnections: string[]
  connectionEdits: { edit: ConnectionEdit; before: Connection }[]
  newConnections: NewConnection[]
}

export function noWrites(): SetupWrites {
  return {
    permissions: [],
    newUsers: [],
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
    releasedResources: [],
    removedConnections: [],
    connectionEdits: [],
    newConnections: [],
  }
}
