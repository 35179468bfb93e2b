import { describeConnection, toConnectionContent } from '#authentication/connections/connection.ts'
import type { Encryption } from '#foundation/crypto/encryption.ts'
import { newId } from '#foundation/crypto/ids.ts'
import type { Connection } from '#foundation/database/schema.ts'
import { noteChange } from './changes.ts'
import { leaveAlone, type Planning, remember, standingOf } from './planning.ts'
import type { ConnectionEntry } from './setup.ts'
import type { Path } from './setup-error.ts'

/** Whose connections a list of the file holds, and what they may refer to. */
interface ConnectionScene extends Planning {
  encryption: Encryption
  /** Null: the whole deployment. */
  owner: { id: string; slug: string } | null
  /** Where the owner's entry is written. */
  path: Path
  /** What people added is removed. */
  exclusive: boolean
  /** The owner's, as they are. */
  connections: readonly Connection[]
  /** The organization's teams as they will be, by name in lower case. */
  teams: ReadonlyMap<string, { id: string; name: string }>
  /** By id, those that the file removes included. */
  teamNames: ReadonlyMap<string, string>
}

/** A connection of the file's own that the list leaves out is removed, with its identities. */
export function planConnections(scene: ConnectionScene, entries: readonly ConnectionEntry[]): void {
  const known = new Map(scene.connections.map((connection) => [connection.name, connection]))
  for (const [index, entry] of entries.entries()) {
    planConnection(scene, entry, { connection: known.get(entry.name), path: [...scene.path, 'connections', index] })
  }
  const listed = new Set(entries.map((entry) => entry.name))
  for (const connection of scene.connections) {
    const isOwn = scene.current.objects.has('connection', connection.id)
    if (listed.has(connection.name) || !(scene.exclusive || isOwn)) continue
    noteChange(scene.plan, subjectOf(scene, connection), describe(scene, connection), undefined)
    scene.plan.writes.removedConnections.push(connection)
    scene.plan.writes.removedObjects.push({ kind: 'connection', objectId: connection.id })
  }
}

function planConnection(
  scene: ConnectionScene,
  entry: ConnectionEntry,
  { connection, path }: { connection: Connection | undefined; path: Path },
): void {
  const { plan, owner, teams, teamNames } = scene
  const objectId = connection?.id ?? newId('connection')
  const subject = subjectOf(scene, { id: objectId, name: entry.name })
  const standing = connection && standingOf(scene, { kind: 'connection', objectId }, entry)
  if (standing === 'foreign') {
    leaveAlone(scene, path, subject.title)
    return
  }
  const content = toConnectionContent(entry, {
    hasOrganization: owner !== null,
    teamIdOf: (name) => teams.get(name.toLowerCase())!.id,
  })
  const secret = entry.client_secret ?? null
  const before = connection && describe(scene, connection)
  const after = { ...describeConnection(content, teamNames), client_secret: secret === null ? 'none' : 'set' }
  const sameSecret = connection !== undefined && secretOf(scene.encryption, connection) === secret
  // The change must show, and neither secret may.
  if (!sameSecret && before?.client_secret === after.client_secret) after.client_secret = 'replaced'
  const action = noteChange(plan, subject, before, after, standing === 'adopted')
  const write = {
    id: objectId,
    name: entry.name,
    organizationId: owner?.id ?? null,
    ...content,
    // Encrypting the same secret again would look like another.
    clientSecret: sameSecret ? undefined : secret,
  }
  if (action === 'create') plan.writes.newConnections.push(write)
  if (action && connection) plan.writes.connectionEdits.push({ edit: write, before: connection })
  plan.callbacks.push({ subject: subject.title, connectionId: objectId, handle: connection?.handle ?? null })
  const name = owner ? `${owner.slug}/${entry.name}` : entry.name
  remember(scene, { kind: 'connection', name, objectId, declared: {} })
}

/** New connections take their names where these are free, once what the file removes is gone; else their ids. */
export function assignHandles({ plan, current }: Pick<Planning, 'plan' | 'current'>): void {
  const removed = new Set(plan.writes.removedConnections.map(({ id }) => id))
  const taken = new Set(current.handles.flatMap(({ id, handle }) => (removed.has(id) ? [] : handle)))
  for (const { id, name } of plan.writes.newConnections) {
    const callback = plan.callbacks.find(({ connectionId }) => connectionId === id)
    if (callback) callback.handle = taken.has(name) ? id : name
    taken.add(name)
  }
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

function subjectOf({ owner }: ConnectionScene, { id, name }: Pick<Connection, 'id' | 'name'>) {
  return {
    kind: 'connection' as const,
    id,
    name,
    title: `connection ${owner ? `${owner.slug}/` : ''}${name}`,
    organizationId: owner?.id ?? null,
  }
}
