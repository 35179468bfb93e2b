import { type Queryable, toJson } from '#foundation/database/database.ts'

/** Gatehouse's own client: direct authentication and the account pages hold ordinary grants under it. */
export const builtInClientId = 'gatehouse'

/** Where the account pages have the browser sent back to. */
export function accountRedirectUri(issuer: string): string {
  return `${issuer}/account/signed-in`
}

/** Written at every start, because its redirect URI follows the issuer. */
export async function saveBuiltInClient(db: Queryable, issuer: string): Promise<void> {
  const metadata = toJson({
    redirect_uris: [accountRedirectUri(issuer)],
    post_logout_redirect_uris: [`${issuer}/`],
    token_endpoint_auth_method: 'none',
    grant_types: ['authorization_code', 'refresh_token'],
  })
  await db
    .insertInto('clients')
    .values({
      clientId: builtInClientId,
      clientName: 'Gatehouse',
      metadata,
      firstParty: true,
      resource: null,
      organizationId: null,
      revision: 'built-in',
      deactivatedAt: null,
    })
    .onConflict((conflict) => conflict.column('clientId').doUpdateSet({ metadata, firstParty: true }))
    .execute()
}
