import type { ConnectionParts } from '#authentication/connections/save-connection.ts'
import type { Queryable } from '#foundation/database/database.ts'
import type { Change, SetupPlan } from './changes.ts'
import { connectionsOf, readCurrentSetup } from './current-setup.ts'
import { danglingReferences } from './dangling-references.ts'
import { planClients } from './plan-clients.ts'
import { planConnections } from './plan-connections.ts'
import { planOrganizations } from './plan-organizations.ts'
import { planPermissions, planUsers } from './plan-users.ts'
import type { Setup } from './setup.ts'
import { SetupError } from './setup-error.ts'
import { noWrites } from './setup-writes.ts'

/**
 * What applying the setup would change; nothing is written. Empty: the database is as the file says.
 * @throws SetupError when the file refers to something that neither it nor the database has
 */
export async function planSetup(db: Queryable, setup: Setup, parts: ConnectionParts): Promise<Change[]> {
  return (await readPlan(db, setup, parts)).changes
}

/** The whole plan as of this moment, from one snapshot: by the time it is carried out another may be due. */
export function readPlan(db: Queryable, setup: Setup, parts: ConnectionParts): Promise<SetupPlan> {
  const snapshot = db.transaction().setIsolationLevel('repeatable read').setAccessMode('read only')
  return snapshot.execute((tx) => prepareSetup(tx, setup, parts))
}

/** The plan with everything that carrying it out takes; the caller's transaction must be the one that does. */
export async function prepareSetup(
  tx: Queryable,
  setup: Setup,
  { encryption, outboundAllowedHosts }: ConnectionParts,
): Promise<SetupPlan> {
  const current = await readCurrentSetup(tx, setup.values)
  const problems = danglingReferences(setup, current, outboundAllowedHosts)
  if (problems.length > 0) throw new SetupError(problems)
  const plan: SetupPlan = { changes: [], events: [], writes: noWrites() }
  planPermissions(plan, setup.values, current)
  const userIds = planUsers(plan, setup.values, current)
  const organizationIds = planOrganizations(plan, setup.values, current, { userIds, encryption })
  planClients(plan, setup.values, current, organizationIds)
  if (setup.values.connections) {
    const connections = connectionsOf(current, null)
    const scene = { plan, encryption, organization: null, connections, teams: new Map(), teamNames: new Map() }
    planConnections(scene, setup.values.connections)
  }
  return plan
}
