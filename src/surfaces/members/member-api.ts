import { z } from 'zod'
import { requireTeam } from '#directory/access/team-queries.ts'
import { changeMember, removeMember, requireMembership } from '#directory/organizations/manage-member.ts'
import {
  type ListedMember,
  listMembersNewestFirst,
  requireListedMember,
} from '#directory/organizations/membership-queries.ts'
import { listOf, pageOf, pageQuery } from '#foundation/http/list.ts'
import { yesOrNo } from '#foundation/http/yes-or-no.ts'
import { type ApiRoute, apiRoute } from '#surfaces/api-kit/api-route.ts'

const tags: [string] = ['Members']
const path = '/v1/organizations/{org}/members/{user}'
const ofMember = z.strictObject({ org: z.string(), user: z.string().describe('Id or e-mail address') })

/** `/v1/organizations/{org}/members/{user}`: what becomes of a member. */
export function memberApi(): ApiRoute[] {
  return [
    apiRoute({
      name: 'listMembers',
      method: 'GET',
      path: '/v1/organizations/{org}/members',
      summary: 'List the members of an organization',
      tags,
      params: z.strictObject({ org: z.string() }),
      query: z.strictObject({
        ...pageQuery,
        q: z
          .string()
          .max(254)
          .optional()
          .describe('Beginning of address or name')
          .meta({ examples: ['ada'] }),
        admin: yesOrNo.optional(),
        active: yesOrNo.optional().describe('false: those switched off'),
        team: z.string().max(200).optional().describe('Id or name'),
      }),
      answer: listOf(member),
      errors: ['not_found'],
      async handle({ db, organization, query: { limit, cursor, team, ...filter } }) {
        const teamId = team === undefined ? undefined : (await requireTeam(db, organization.id, team)).id
        const rows = await listMembersNewestFirst(db, organization.id, { ...filter, teamId }, { limit, cursor })
        return pageOf(rows, limit, ({ at, id }) => ({ at, id }), toAnswer)
      },
    }),
    apiRoute({
      name: 'getMember',
      method: 'GET',
      path,
      summary: 'Read a member of an organization',
      tags,
      params: ofMember,
      answer: member,
      errors: ['not_found'],
      find: ({ db, organization, params }) => requireListedMember(db, organization.id, params.user),
      handle: async ({ found }) => toAnswer(found),
    }),
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
      async handle({ db, actor, organization, params, body }) {
        const { userId } = await changeMember(db, { actor, organization }, params.user, body)
        return toAnswer(await requireListedMember(db, organization.id, userId))
      },
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

function toAnswer({ userId, email, name, admin, deactivatedAt, teams, createdAt }: ListedMember) {
  return {
    user: { id: userId, email, name },
    admin,
    active: deactivatedAt === null,
    teams,
    created_at: createdAt.toISOString(),
  }
}

const member = z
  .object({
    user: z.object({ id: z.string(), email: z.string(), name: z.string() }),
    admin: z.boolean(),
    active: z.boolean(),
    teams: z.array(z.object({ id: z.string(), name: z.string() })),
    created_at: z.iso.datetime(),
  })
  .meta({ id: 'Member' })
