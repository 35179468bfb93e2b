import { z } from 'zod'
import type { DiscoverOrganizations } from '#directory/organizations/discover-organizations.ts'
import { emailAddress } from '#foundation/values/email-address.ts'
import { type ApiRoute, apiRoute } from '#surfaces/api-kit/api-route.ts'

/** `/v1/organizations/discover`: for people who forgot the organization's name. */
export function discoverApi({ discoverOrganizations }: { discoverOrganizations: DiscoverOrganizations }): ApiRoute[] {
  return [
    apiRoute({
      name: 'discoverOrganizations',
      method: 'POST',
      path: '/v1/organizations/discover',
      summary: "Mail the names of a person's organizations",
      description:
        'If the address belongs to somebody and is verified, one mail lists each organization with its login URL. The ' +
        'answer is the same for every address.',
      tags: ['Organizations'],
      body: z.strictObject({ email: emailAddress }),
      status: 202,
      errors: ['too_many_requests'],
      handle: ({ body: { email }, ip }) => discoverOrganizations({ email, ip }),
    }),
  ]
}
