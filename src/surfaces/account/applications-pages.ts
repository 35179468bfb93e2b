import { listAllowedClients } from '#credentials/grants/grant-queries.ts'
import { namesOfOrganizations } from '#directory/organizations/organization-queries.ts'
import { disallowApplication } from '#directory/users/disallow-application.ts'
import type { Queryable } from '#foundation/database/database.ts'
import type { Route } from '#foundation/http/router.ts'
import { seeOther } from '#foundation/http/see-other.ts'
import type { SignedInPages, SignedInRequest } from '#surfaces/page-kit/signed-in-pages.ts'

const at = '/account/applications'

type ApplicationsRequest = SignedInRequest & { db: Queryable }

/** The applications that a person lets act for them, and how they take it back. */
export function applicationsPages({ pages, db }: { pages: SignedInPages; db: Queryable }): Route[] {
  const { page, form } = pages.with({ db })
  return [
    ['GET', at, page(showApplications)],
    ['POST', `${at}/disallow`, form(postDisallow, { returnTo: at })],
  ]
}

async function showApplications({ db, ctx, signedIn, show }: ApplicationsRequest): Promise<void> {
  const clients = await listAllowedClients(db, signedIn.user.id)
  const names = await namesOfOrganizations(db, [...new Set(clients.flatMap(({ organizationIds }) => organizationIds))])
  await show('applications', {
    at,
    disallowed: ctx.query.done === 'disallowed',
    applications: clients.map(({ clientId, clientName, organizationIds, firstAllowedAt, expiresAt }) => ({
      clientId,
      name: clientName,
      organizations: organizationIds.flatMap((id) => names.get(id)?.name ?? []),
      firstAllowedAt,
      expiresAt,
    })),
  })
}

async function postDisallow({ db, ctx, form, actor }: ApplicationsRequest): Promise<void> {
  await disallowApplication(db, actor, form.client_id ?? '')
  seeOther(ctx, `${at}?done=disallowed`)
}
