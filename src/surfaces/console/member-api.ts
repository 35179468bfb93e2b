import { z } from 'zod'
import { changeMember, removeMember, requireMembership } from '#directory/organizations/manage-member.ts'
import type { NamedMembership } from '#directory/organizations/membership-queries.ts'
import { type ApiRoute, apiRoute } from '#surfaces/api-kit/api-route.ts'

const tags: [string] = ['Members']
const path = '/v1/organizations/{org}/members/{user}'
const ofMember = z.strictObject({ org: z.string(), user: z.string().describe('Id or e-mail address') })

/** `/v1/organizations/{org}/members/{user}`: what becomes of a member. */
export function memberApi(): ApiRoute[] {
  return [
    apiRoute({
      name: 'changeMember',
      method: 'PATCH',
      path,
      summary: 'Change a member of an organization',
      description:
        'What is left out stays. The last active administrator can be neither demoted nor switched off. An API key ' +
        'changes no administrators.',
      tags,
      params: ofMember,
      body: z.strictObject({ admin: z.boolean().optional(), active: z.boolean().optional() }),
      answer: member,
      errors: ['not_found', 'conflict'],
      find: ({ db, organization, params }) => requireMembership(db, organization.id, params.user),
      handle: async ({ db, actor, organization, params, body }) =>
        toAnswer(await changeMember(db, { actor, organization }, params.user, body)),
    }),
    apiRoute({
      name: 'removeMember',
      method: 'DELETE',
      path,
      summary: 'Remove a member from an organization',
      description:
        'With the membership go its grants, places in teams, API keys and tokens; the account stays. The last active ' +
        'administrator stays.',
      tags,
      params: ofMember,
      errors: ['not_found', 'conflict'],
      find: ({ db, organization, params }) => requireMembership(db, organization.id, params.user),
      handle: ({ db, actor, organization, params }) => removeMember(db, { actor, organization }, params.user),
    }),
  ]
}

function toAnswer({ userId, email, name, admin, deactivatedAt, createdAt }: NamedMembership) {
  return {
    user: { id: userId, email, name },
    admin,
    active: deactivatedAt === null,
    created_at: createdAt.toISOString(),
  }
}

const member = z
  .object({
    user: z.object({ id: z.string(), email: z.string(), name: z.string() }),
    admin: z.boolean(),
    active: z.boolean(),
    created_at: z.iso.datetime(),
  })
  .meta({ id: 'Member' })
