import { readCatalogue } from '#directory/access/authorization-queries.ts'
import { describeDataScope, describePermission } from '#directory/access/describe-authorization.ts'
import { deleteClient } from '#directory/clients/delete-client.ts'
import { editClient } from '#directory/clients/edit-client.ts'
import type { ManagedClient } from '#directory/clients/managed-client-queries.ts'
import { listSecrets } from '#directory/clients/secret-queries.ts'
import type { Queryable } from '#foundation/database/database.ts'
import { seeOther } from '#foundation/http/see-other.ts'
import { type Message, message } from '#foundation/messages/message.ts'
import { kindOf } from './client-kind.ts'
import { type ClientRequest, factsOf, managementOf, placeOf, requireClient } from './client-request.ts'

/** Says what will break, and asks once. */
export async function ask(request: ClientRequest, what: 'deactivate' | 'delete'): Promise<void> {
  const { db, ctx, show } = request
  const client = await requireClient(request)
  const account = factsOf(request, client)
  if (what === 'deactivate' && !account.isActive) return seeOther(ctx, account.path)
  const isDelete = what === 'delete'
  const secrets = isDelete && account.hasSecrets ? (await listSecrets(db, client.clientId)).length : 0
  const losses = [
    message(isDelete ? 'clients.breaks_tokens' : 'clients.breaks_tokens_rest'),
    ...(secrets > 0 ? [message('clients.breaks_secrets', { count: secrets })] : []),
    ...lossesOf(client),
  ]
  const grants = kindOf(client) === 'service_account' ? await describedGrants(db, client) : undefined
  await show('clients/question', { ...placeOf(request), what, account, losses, grants })
}

/** What goes with a client of its kind. */
function lossesOf(client: ManagedClient): Message[] {
  const kind = kindOf(client)
  if (kind === 'service_account') return [message('service-accounts.breaks_grants')]
  if (kind !== 'api') return [message('applications.breaks_sign_in')]
  const { resource } = client
  return [
    message('applications.breaks_introspection'),
    ...(resource === null ? [] : [message('applications.breaks_resource', { resource })]),
  ]
}

/** What a service account may do and see, in words. */
export async function describedGrants(db: Queryable, { permissions, dataScopes }: ManagedClient) {
  const catalogue = await readCatalogue(db)
  return {
    may: permissions.map((name) => ({ name, title: describePermission(name, catalogue) })),
    sees: dataScopes.map(describeDataScope),
  }
}

export async function switchClient(request: ClientRequest, active: boolean): Promise<void> {
  const { clientId, path } = factsOf(request, await requireClient(request))
  await editClient(request.db, managementOf(request), clientId, { active })
  seeOther(request.ctx, `${path}?done=${active ? 'on' : 'off'}`)
}

export async function postDelete(request: ClientRequest): Promise<void> {
  const { clientId } = await requireClient(request)
  await deleteClient(request.db, managementOf(request), clientId)
  seeOther(request.ctx, `${request.at}?done=deleted`)
}
