import { contentOf, describeClient, toClientContent } from '#directory/clients/client-content.ts'
import type { ClientWithSecrets } from '#directory/clients/client-queries.ts'
import type { ClientContent } from '#directory/clients/save-client.ts'
import { sha256 } from '#foundation/crypto/sha256.ts'
import { type Fields, noteChange } from './changes.ts'
import { leaveAlone, notice, type Planning, remember, type Standing, standingOf } from './planning.ts'
import { type ClientEntry, listClientEntries, toRegistration } from './setup.ts'
import type { Path } from './setup-error.ts'

/** Clients and resource servers are one table; the file lists them apart. */
export function planClients(planning: Planning, organizationIds: ReadonlyMap<string, string>): void {
  const { plan, setup, current } = planning
  const slugs = new Map([...organizationIds].map(([slug, id]) => [id, slug]))
  for (const { entry, path } of listClientEntries(setup.values)) {
    const client = current.clients.get(entry.client_id)
    const object = { kind: 'client' as const, objectId: entry.client_id }
    const standing = client && standingOf(planning, object, entry)
    if (!isClear(planning, { entry, path, standing, organizationIds })) continue
    const content = toContent(entry, client, organizationIds)
    const hash = entry.client_secret === undefined ? null : sha256(entry.client_secret)
    const declared = current.objects.declaredOf('client', entry.client_id)?.secret
    const isReplaced = client !== undefined && replacesSecrets(client, hash, declared)
    const before = client && {
      ...describe(contentOf(client), slugs),
      client_secret: inWords(client.secrets.length > 0),
    }
    const after = { ...describe(content, slugs), client_secret: inWords(hash !== null) }
    // The change must show, and neither secret may.
    if (isReplaced && before?.client_secret === after.client_secret) after.client_secret = 'replaced'
    const kind = content.resourceServer ? 'resource server' : 'client'
    const subject = {
      kind: 'client' as const,
      id: entry.client_id,
      name: entry.client_id,
      title: `${kind} ${entry.client_id}`,
      organizationId: content.organizationId,
    }
    const action = noteChange(plan, subject, before, after, standing === 'adopted')
    const { writes } = plan
    if (action === 'create') writes.newClients.push({ clientId: entry.client_id, ...content })
    else if (action) writes.changedClients.push({ clientId: entry.client_id, ...content })
    if (isReplaced || (!client && hash)) writes.clientSecrets.push({ clientId: entry.client_id, hash })
    if (client?.resource && client.resource !== content.resource) writes.releasedResources.push(entry.client_id)
    remember(planning, { ...object, name: entry.client_id, declared: hash ? { secret: hash.toString('hex') } : {} })
  }
}

/** Whether nothing of others' making stands in the way. @returns false after saying what does */
function isClear(
  planning: Planning,
  {
    entry,
    path,
    standing,
    organizationIds,
  }: {
    entry: ClientEntry
    path: Path
    standing: Standing | undefined
    organizationIds: ReadonlyMap<string, string>
  },
): boolean {
  const { setup, current } = planning
  const { client_id: id, organization, resource } = entry
  const entries = listClientEntries(setup.values)
  const holder = [...current.clients.values()].find((client) => client.resource === resource && client.clientId !== id)
  if (standing === 'foreign') leaveAlone(planning, path, `client ${id}`)
  else if (organization !== undefined && !organizationIds.has(organization)) {
    notice(planning, path, `client ${id} is left alone, as organization ${organization} is`)
  } else if (resource !== undefined && holder && !entries.some((other) => other.entry.client_id === holder.clientId)) {
    notice(
      planning,
      [...path, 'resource'],
      `client ${id} is left alone: its resource belongs to client ${holder.clientId}`,
    )
  } else return true
  return false
}

/**
 * Whether the file's secret takes the place of what is there. What was rotated since the file last said this one stays;
 * another secret in the file ends them all, and so does none.
 * @param declared in hex, what the file said last
 */
function replacesSecrets({ secrets }: ClientWithSecrets, hash: Buffer | null, declared: string | undefined): boolean {
  if (hash === null || secrets.length === 0) return hash !== null || secrets.length > 0
  const isTheirs = secrets.some((secret) => secret.endsInSeconds === null && secret.hash.equals(hash))
  return hash.toString('hex') !== declared && !isTheirs
}

function toContent(
  entry: ClientEntry,
  client: ClientWithSecrets | undefined,
  organizationIds: ReadonlyMap<string, string>,
): ClientContent {
  return toClientContent(toRegistration(entry), {
    organizationId: (entry.organization && organizationIds.get(entry.organization)) ?? null,
    grants: { permissions: entry.permissions ?? [], dataScopes: entry.data_scopes ?? [] },
    active: entry.active ?? (client?.deactivatedAt ?? null) === null,
  })
}

function describe(content: ClientContent, slugs: ReadonlyMap<string, string>): Fields {
  const { organizationId } = content
  return describeClient(content, organizationId && (slugs.get(organizationId) ?? organizationId))
}

function inWords(hasSecret: boolean): string {
  return hasSecret ? 'set' : 'none'
}
