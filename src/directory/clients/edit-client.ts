import { isDeepStrictEqual } from 'node:util'
import { recordAuditEvent } from '#foundation/audit/record-audit-event.ts'
import type { Queryable } from '#foundation/database/database.ts'
import { type ClientMembers, contentOf, describeClient, membersOf, toClientContent } from './client-content.ts'
import { type ClientAndSecret, explainConflict } from './create-client.ts'
import { type ClientManagement, changeClient, clientSubject, requireManagedClient } from './managed-client.ts'
import { settledRegistration } from './registration.ts'
import { replaceClient } from './save-client.ts'
import { insertSecret, newSecret, replaceSecrets } from './save-secret.ts'

/** What is left out stays; null takes a member away, so that its default holds. */
export type ClientEdit = { [Member in keyof ClientMembers]?: ClientMembers[Member] | null } & {
  active?: boolean | undefined
}

/**
 * Edits a client; each next request on every node finds it as it is then. One that proves itself by a secret from now on
 * is given one, this once in plain; one that does no longer loses those that it has (RFC 7592 §2.2).
 * @throws GatehouseError permission_denied, not_found, validation_failed, conflict when the resource is taken
 */
export function editClient(
  db: Queryable,
  management: ClientManagement,
  clientId: string,
  { active, ...edit }: ClientEdit,
): Promise<ClientAndSecret> {
  return changeClient(db, management, clientId, async (tx, client) => {
    const before = contentOf(client)
    const registration = settledRegistration(clientId, edited(membersOf(client), edit), {
      hasOrganization: client.organizationId !== null,
      grants: before,
    })
    const place = { organizationId: client.organizationId, grants: before, active: active ?? before.active }
    const after = toClientContent(registration, place)
    if (isDeepStrictEqual(after, before)) return { client, secret: undefined }
    await replaceClient(tx, clientId, after).catch(explainConflict)
    const secret = await followMethod(tx, clientId, { had: provesBySecret(before), has: provesBySecret(after) })
    await recordAuditEvent(tx, {
      actor: management.actor,
      action: 'client.updated',
      subject: clientSubject(client),
      organizationId: client.organizationId,
      ...differing(describeClient(before, null), describeClient(after, null)),
    })
    return { client: await requireManagedClient(tx, management.organization, clientId), secret }
  })
}

function edited(members: ClientMembers, edit: Omit<ClientEdit, 'active'>): ClientMembers {
  const merged = { ...members, ...edit }
  return Object.fromEntries(Object.entries(merged).filter(([, value]) => value !== null && value !== undefined))
}

function provesBySecret({ metadata }: { metadata: { token_endpoint_auth_method?: string | undefined } }): boolean {
  return metadata.token_endpoint_auth_method?.startsWith('client_secret_') ?? false
}

async function followMethod(tx: Queryable, clientId: string, { had, has }: { had: boolean; has: boolean }) {
  if (had && !has) await replaceSecrets(tx, clientId, null)
  if (had || !has) return undefined
  const secret = newSecret()
  await insertSecret(tx, clientId, secret.row)
  return secret.plain
}

function differing(before: Record<string, unknown>, after: Record<string, unknown>) {
  const names = Object.keys({ ...before, ...after }).filter((name) => !isDeepStrictEqual(before[name], after[name]))
  const of = (fields: Record<string, unknown>) => Object.fromEntries(names.map((name) => [name, fields[name] ?? null]))
  return { before: of(before), after: of(after) }
}
