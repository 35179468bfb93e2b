import { z } from 'zod'
import { listManagedClients } from '#directory/clients/managed-client-queries.ts'
import { listSecretsOf } from '#directory/clients/secret-queries.ts'
import { pageOf, pageQuery } from '#foundation/http/list.ts'
import { parse } from '#foundation/http/parse.ts'
import { message } from '#foundation/messages/message.ts'
import { type ClientRequest, factsOf, placeOf } from './client-request.ts'

const pageSize = 20

const listQuery = z.object({
  q: z.string().trim().max(200).catch(''),
  state: z.enum(['active', 'off', '']).catch(''),
  cursor: pageQuery.cursor.catch(undefined),
  done: z.enum(['deleted']).optional().catch(undefined),
})

export async function showAccounts(request: ClientRequest): Promise<void> {
  const { ctx, db, actor, signedIn, at, show } = request
  const { q, state, cursor, done } = parse(listQuery, { ...ctx.query })
  const active = state === '' ? undefined : state === 'active'
  const filter = { organizationId: actor.organizationId, serviceAccounts: true, q: q || undefined, active }
  const accounts = await listManagedClients(db, filter, { limit: pageSize, cursor })
  const { items, next_cursor } = pageOf(
    accounts,
    pageSize,
    ({ position }) => position,
    (account) => account,
  )
  const secretsOf = await listSecretsOf(
    db,
    items.map(({ clientId }) => clientId),
  )
  const older = new URLSearchParams({ q, state, cursor: next_cursor ?? '' })
  await show('service-accounts/list', {
    ...placeOf(request),
    organizationName: signedIn.organization.name,
    filter: { q, state },
    accounts: items.map((account) => ({
      ...factsOf(request, account),
      secrets: secretsOf.get(account.clientId) ?? [],
    })),
    isFirstPage: cursor === undefined,
    newestUrl: `${at}?${new URLSearchParams({ q, state })}`,
    olderUrl: next_cursor ? `${at}?${older}` : undefined,
    done: done && message('service-accounts.deleted'),
  })
}
