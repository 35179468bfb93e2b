import { describeConnection, toConnectionContent } from '#authentication/connections/connection.ts'
import { connectionSubject } from '#authentication/connections/save-connection.ts'
import type { Encryption } from '#foundation/crypto/encryption.ts'
import { newId } from '#foundation/crypto/ids.ts'
import type { Connection } from '#foundation/database/schema.ts'
import { noteChange, type SetupPlan } from './changes.ts'
import type { ConnectionEntry } from './setup.ts'

/** Whose connections a list of the file holds, and what they may refer to. */
interface ConnectionScene {
  plan: SetupPlan
  encryption: Encryption
  /** Null: the whole deployment's. */
  organization: { id: string; slug: string } | null
  /** The owner's, as they are. */
  connections: readonly Connection[]
  /** The organization's teams as they will be, by name in lower case. */
  teams: ReadonlyMap<string, { id: string; name: string }>
  /** By id, those that the file removes included. */
  teamNames: ReadonlyMap<string, string>
}

/** The list is the whole list: a connection that it leaves out is removed, with its identities. */
export function planConnections(scene: ConnectionScene, entries: readonly ConnectionEntry[]): void {
  const known = new Map(scene.connections.map((connection) => [connection.name, connection]))
  for (const entry of entries) planConnection(scene, entry, known.get(entry.name))
  const listed = new Set(entries.map((entry) => entry.name))
  for (const connection of scene.connections) {
    if (listed.has(connection.name)) continue
    noteChange(scene.plan, subjectOf(scene, connection.name), describe(scene, connection), undefined)
    scene.plan.writes.removedConnections.push(connection.id)
  }
}

function planConnection(scene: ConnectionScene, entry: ConnectionEntry, connection: Connection | undefined): void {
  const { plan, organization, teams, teamNames } = scene
  const content = toConnectionContent(entry, {
    hasOrganization: organization !== null,
    teamIdOf: (name) => teams.get(name.toLowerCase())!.id,
  })
  const secret = entry.client_secret ?? null
  const before = connection && describe(scene, connection)
  const after = { ...describeConnection(content, teamNames), client_secret: secret === null ? 'none' : 'set' }
  const sameSecret = connection !== undefined && secretOf(scene.encryption, connection) === secret
  // The change must show, and neither secret may.
  if (!sameSecret && before?.client_secret === after.client_secret) after.client_secret = 'replaced'
  const action = noteChange(plan, subjectOf(scene, entry.name), before, after)
  const write = {
    id: connection?.id ?? newId('connection'),
    name: entry.name,
    organizationId: organization?.id ?? null,
    ...content,
    // Encrypting the same secret again would look like another.
    clientSecret: sameSecret ? undefined : secret,
  }
  if (action === 'create') plan.writes.newConnections.push(write)
  if (action === 'update' && connection) plan.writes.connectionEdits.push({ edit: write, before: connection })
}

/** Undefined: encrypted under a key that is gone, so it has to be written again. */
function secretOf(encryption: Encryption, { clientSecret }: Connection): string | null | undefined {
  if (clientSecret === null) return null
  try {
    return encryption.decrypt(clientSecret)
  } catch {
    return undefined
  }
}

function describe({ teamNames }: ConnectionScene, connection: Connection) {
  const client_secret = connection.clientSecret === null ? 'none' : 'set'
  return { ...describeConnection(connection, teamNames), client_secret }
}

function subjectOf({ organization }: ConnectionScene, name: string) {
  return {
    kind: 'connection' as const,
    name: connectionSubject(organization?.slug, name),
    organizationId: organization?.id ?? null,
  }
}
