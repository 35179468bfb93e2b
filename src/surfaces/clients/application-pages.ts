import type { Route } from '#foundation/http/router.ts'
import { message } from '#foundation/messages/message.ts'
import type { SignedInPages } from '#surfaces/page-kit/signed-in-pages.ts'
import { freshSignIn } from '#surfaces/page-kit/signed-in-user.ts'
import { membersShown, postEditApplication, showEditApplication } from './application-form.ts'
import { showApplications } from './application-list-page.ts'
import { applicationKinds, kindOf } from './client-kind.ts'
import { commonPages, pageOfClient } from './client-pages.ts'
import { type ClientPagesParts, type ClientRequest, clientPlaces, requireClient } from './client-request.ts'
import { adding, organizationAsked, postNewApplication, showNewApplication } from './new-application-pages.ts'

/** The applications and APIs of the deployment and of its organizations, for superadmins. */
export function applicationPages({ pages, ...parts }: ClientPagesParts & { pages: SignedInPages }): Route[] {
  const place = clientPlaces.deployment
  const kit = pages.with({ ...parts, ...place })
  const { page, form } = kit
  const { at } = place
  const one = `${at}/:client_id`
  return [
    ['GET', at, page(showApplications)],
    ['GET', adding, page(showKinds)],
    ['GET', `${adding}/:kind`, page(showNewApplication, freshSignIn)],
    ['POST', `${adding}/:kind`, form(postNewApplication, { ...freshSignIn, returnTo: adding })],
    ['GET', one, page(showApplication)],
    ['GET', `${one}/edit`, page(showEditApplication)],
    ['POST', `${one}/edit`, form(postEditApplication, { returnTo: at })],
    ...commonPages(place, kit),
  ]
}

async function showKinds({ ctx, at, show }: ClientRequest): Promise<void> {
  const query = new URLSearchParams({ organization: organizationAsked(ctx.query) })
  await show('applications/kinds', {
    at,
    kinds: applicationKinds.map((kind) => ({
      kind,
      name: message(`applications.kind.${kind}`),
      about: message(`applications.kind.${kind}.about`),
      href: query.get('organization') ? `${adding}/${kind}?${query}` : `${adding}/${kind}`,
    })),
  })
}

async function showApplication(request: ClientRequest): Promise<void> {
  const client = await requireClient(request)
  const { issuer, at } = request
  const { organization, firstParty, resource, accessTokenFormat } = client
  await request.show('applications/application', {
    ...(await pageOfClient(request, client)),
    kind: kindOf(client),
    owner: organization && {
      ...organization,
      href: `${at}?${new URLSearchParams({ organization: organization.slug })}`,
    },
    firstParty,
    resource,
    accessTokenFormat,
    ...membersShown(client),
    issuer,
    introspectionUrl: `${issuer}/oauth/introspect`,
    changesUrl: `/deployment/audit-log?${new URLSearchParams({ subject: client.clientId })}`,
  })
}
