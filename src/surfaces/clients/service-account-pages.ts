import type { Route } from '#foundation/http/router.ts'
import { pathOfServiceAccount } from '#surfaces/grants/grant-holder.ts'
import type { SignedInPages } from '#surfaces/page-kit/signed-in-pages.ts'
import { freshSignIn } from '#surfaces/page-kit/signed-in-user.ts'
import { commonPages, pageOfClient } from './client-pages.ts'
import { describedGrants } from './client-questions.ts'
import { type ClientPagesParts, type ClientRequest, clientPlaces, requireClient } from './client-request.ts'
import { postEditAccount, postNewAccount, showEditAccount, showNewAccount } from './service-account-form.ts'
import { showAccounts } from './service-account-list-page.ts'

/** The programs of an organization, for its administrators. */
export function serviceAccountPages({ pages, ...parts }: ClientPagesParts & { pages: SignedInPages }): Route[] {
  const place = clientPlaces.organization
  const kit = pages.with({ ...parts, ...place })
  const { page, form } = kit
  const { at } = place
  const one = `${at}/:client_id`
  return [
    ['GET', at, page(showAccounts)],
    ['GET', `${at}/new`, page(showNewAccount, freshSignIn)],
    ['POST', `${at}/new`, form(postNewAccount, { ...freshSignIn, returnTo: `${at}/new` })],
    ['GET', one, page(showAccount)],
    ['GET', `${one}/edit`, page(showEditAccount)],
    ['POST', `${one}/edit`, form(postEditAccount, { returnTo: at })],
    ...commonPages(place, kit),
  ]
}

async function showAccount(request: ClientRequest): Promise<void> {
  const client = await requireClient(request)
  await request.show('service-accounts/account', {
    ...(await pageOfClient(request, client)),
    tokenUrl: `${request.issuer}/oauth/token`,
    grants: await describedGrants(request.db, client),
    grantsUrl: pathOfServiceAccount(client.clientId),
  })
}
