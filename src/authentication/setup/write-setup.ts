import { removeIdentitiesOfUser } from '#authentication/connections/identity-queries.ts'
import { deleteConnections, insertConnection, updateConnection } from '#authentication/connections/save-connection.ts'
import { endLinksOfUser } from '#authentication/mail-links/mail-link.ts'
import { endOtherSessions, revokeApiKeysOfUser } from '#credentials/revocation/revocation.ts'
import { rewriteEffectiveAuthorization } from '#directory/access/effective-authorization.ts'
import { lockMemberships, setDirectGrants } from '#directory/access/save-grants.ts'
import { savePermissions } from '#directory/access/save-permission.ts'
import {
  changeTeamMembers,
  deleteTeams,
  insertTeams,
  listMembersOfTeams,
  lockTeams,
  updateTeam,
} from '#directory/access/save-team.ts'
import { insertClients, releaseResources, replaceClient } from '#directory/clients/save-client.ts'
import { replaceSecrets } from '#directory/clients/save-secret.ts'
import { insertMemberships, removeMemberships, updateMembership } from '#directory/organizations/save-membership.ts'
import {
  addVerifiedDomains,
  insertOrganizations,
  removeDomains,
  updateOrganization,
} from '#directory/organizations/save-organization.ts'
import { insertUsers, markEmailVerified, setPasswordHash, updateUser } from '#directory/users/save-user.ts'
import type { Encryption } from '#foundation/crypto/encryption.ts'
import type { Queryable } from '#foundation/database/database.ts'
import { inBatches } from './in-batches.ts'
import { forgetSetupObjects, saveSetupObjects } from './setup-objects.ts'
import type { AdoptedUser, InOrganization, SetupWrites } from './setup-writes.ts'

/** Makes a plan true, in the order in which one row needs another. Passwords have been hashed. */
export async function writeSetup(tx: Queryable, writes: SetupWrites, encryption: Encryption): Promise<void> {
  await writeUsers(tx, writes)
  await writeOrganizations(tx, writes)
  await writeMembersAndTeams(tx, writes)
  await writeClients(tx, writes)
  await writeConnections(tx, writes, encryption)
  await inBatches(writes.removedObjects, (batch) => forgetSetupObjects(tx, batch))
  await inBatches(writes.objects, (batch) => saveSetupObjects(tx, batch))
}

async function writeUsers(tx: Queryable, writes: SetupWrites): Promise<void> {
  await inBatches(writes.permissions, (batch) => savePermissions(tx, batch))
  await inBatches(writes.newUsers, (batch) =>
    insertUsers(
      tx,
      batch.map(({ password: _, ...user }) => user),
    ),
  )
  for (const adopted of writes.adoptedUsers) await writeAdoptedUser(tx, adopted)
  for (const { id, edit } of writes.userEdits) await updateUser(tx, id, edit)
}

/** A stranger who registered the address has no way in any more; the operator vouches for the address from now on. */
async function writeAdoptedUser(tx: Queryable, { user, voided, passwordHash }: AdoptedUser): Promise<void> {
  if (!voided) return
  await removeIdentitiesOfUser(tx, user.id)
  await setPasswordHash(tx, user.id, passwordHash)
  await endOtherSessions(tx, user.id, undefined)
  await revokeApiKeysOfUser(tx, user.id)
  await endLinksOfUser(tx, user.id)
  await markEmailVerified(tx, user.id)
}

async function writeOrganizations(tx: Queryable, writes: SetupWrites): Promise<void> {
  await inBatches(writes.newOrganizations, (batch) => insertOrganizations(tx, batch))
  for (const { id, edit } of writes.organizationEdits) await updateOrganization(tx, id, edit)
  // A domain may move from one organization of the file to another.
  for (const { organizationId, remove } of writes.domains) await removeDomains(tx, organizationId, remove)
  for (const { organizationId, add } of writes.domains) await addVerifiedDomains(tx, organizationId, add)
}

/** Teams are locked before memberships, and what each member may do is rewritten once, at the end. */
async function writeMembersAndTeams(tx: Queryable, writes: SetupWrites): Promise<void> {
  const touched = await lockChangedTeams(tx, writes)
  for (const { membershipId, organizationId } of [...writes.directGrants, ...writes.join, ...writes.leave]) {
    touched.set(membershipId, { id: membershipId, organizationId })
  }
  const members = [...touched.values()].sort(byId)
  const held = [...members, ...writes.removedMemberships].sort(byId)
  await byOrganization(held, (id, held) => lockMemberships(tx, id, held.map(toId)))

  await byOrganization(writes.removedTeams, (id, teams) => deleteTeams(tx, id, teams.map(toId)))
  for (const team of writes.teamEdits) await updateTeam(tx, team, team.edit)
  await inBatches(writes.newTeams, (batch) => insertTeams(tx, batch))

  await byOrganization(writes.removedMemberships, (id, members) => removeMemberships(tx, id, members.map(toId)))
  await inBatches(writes.newMemberships, (batch) => insertMemberships(tx, batch))
  for (const membership of writes.membershipEdits) await updateMembership(tx, membership, membership.edit)
  await byOrganization(writes.directGrants, (id, grants) => setDirectGrants(tx, id, grants))
  await byOrganization(writes.join, (id, join) => changeTeamMembers(tx, id, { join }))
  await byOrganization(writes.leave, (id, leave) => changeTeamMembers(tx, id, { leave }))
  await byOrganization(members, (id, members) => rewriteEffectiveAuthorization(tx, id, members.map(toId)))
}

/** Locks every team that changes or whose members do. @returns the members of those that change, by membership id */
async function lockChangedTeams(tx: Queryable, writes: SetupWrites): Promise<Map<string, InOrganization>> {
  const changed: InOrganization[] = [...writes.teamEdits, ...writes.removedTeams]
  const entered = [...writes.join, ...writes.leave].map(({ teamId: id, organizationId }) => ({ id, organizationId }))
  await byOrganization([...changed, ...entered].sort(byId), (id, teams) => lockTeams(tx, id, teams.map(toId)))
  const members = new Map<string, InOrganization>()
  await byOrganization(changed, async (organizationId, teams) => {
    const ids = await listMembersOfTeams(tx, organizationId, teams.map(toId))
    for (const id of ids) members.set(id, { id, organizationId })
  })
  return members
}

async function writeClients(tx: Queryable, writes: SetupWrites): Promise<void> {
  await releaseResources(tx, writes.releasedResources)
  for (const { clientId, ...content } of writes.changedClients) await replaceClient(tx, clientId, content)
  await inBatches(writes.newClients, (batch) => insertClients(tx, batch))
  for (const { clientId, hash } of writes.clientSecrets) await replaceSecrets(tx, clientId, hash)
}

/** A name may move from one owner of the file to another: as a new connection without the identities of the old one. */
async function writeConnections(tx: Queryable, writes: SetupWrites, encryption: Encryption): Promise<void> {
  for (const connection of writes.removedConnections) await deleteConnections(tx, connection, [connection.id])
  for (const { edit, before } of writes.connectionEdits) await updateConnection(tx, encryption, edit, before)
  for (const connection of writes.newConnections) await insertConnection(tx, encryption, connection)
}

function toId({ id }: { id: string }): string {
  return id
}

function byId(one: InOrganization, other: InOrganization): number {
  return one.id < other.id ? -1 : 1
}

async function byOrganization<T extends { organizationId: string }>(
  rows: readonly T[],
  write: (organizationId: string, rows: T[]) => Promise<unknown>,
): Promise<void> {
  for (const [organizationId, ofOne] of Map.groupBy(rows, (row) => row.organizationId)) {
    await inBatches(ofOne, (batch) => write(organizationId, batch))
  }
}
