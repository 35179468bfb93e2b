import type { ConnectionParts } from '#authentication/connections/save-connection.ts'
import { inSnapshot, type Queryable } from '#foundation/database/database.ts'
import type { SetupOutcome, SetupPlan } from './changes.ts'
import { connectionsOf, readCurrentSetup } from './current-setup.ts'
import { danglingReferences } from './dangling-references.ts'
import { planClients } from './plan-clients.ts'
import { assignHandles, planConnections } from './plan-connections.ts'
import { planOrganizations } from './plan-organizations.ts'
import { planPermissions, planUsers } from './plan-users.ts'
import type { Planning } from './planning.ts'
import type { Setup } from './setup.ts'
import { SetupError } from './setup-error.ts'
import { noWrites } from './setup-writes.ts'

/**
 * What applying the setup would change, and what it would leave alone; nothing is written.
 * @throws SetupError when the file refers to something that neither it nor the database has
 */
export async function planSetup(db: Queryable, setup: Setup, parts: ConnectionParts): Promise<SetupOutcome> {
  const { changes, notices, callbacks, writes } = await readPlan(db, setup, parts)
  // Applying it draws other ids than these.
  const drawn = new Set(writes.newConnections.map(({ id }) => id))
  const known = callbacks.map((one) => ({ ...one, handle: drawn.has(one.handle ?? '') ? null : one.handle }))
  return { changes, notices, callbacks: known }
}

/** The whole plan as of this moment, from one snapshot: by the time it is carried out another may be due. */
export function readPlan(db: Queryable, setup: Setup, parts: ConnectionParts): Promise<SetupPlan> {
  return inSnapshot(db, (tx) => prepareSetup(tx, setup, parts))
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
  const plan: SetupPlan = { changes: [], notices: [], callbacks: [], events: [], writes: noWrites() }
  const planning: Planning = { plan, setup, current }
  planPermissions(planning)
  const people = planUsers(planning)
  planClients(planning, planOrganizations(planning, { people, encryption }))
  if (setup.values.connections) {
    const connections = connectionsOf(current, null)
    const scene = { ...planning, encryption, owner: null, path: [], exclusive: false, connections }
    planConnections({ ...scene, teams: new Map(), teamNames: new Map() }, setup.values.connections)
  }
  assignHandles(planning)
  return plan
}
