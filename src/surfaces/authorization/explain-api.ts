import { z } from 'zod'
import { describeDataScope } from '#directory/access/describe-authorization.ts'
import { type Explanation, explainAuthorization, type Holder } from '#directory/access/explain-authorization.ts'
import { dataScope } from '#directory/access/grants.ts'
import { requireManagedClient } from '#directory/clients/managed-client.ts'
import { requireMembership } from '#directory/organizations/manage-member.ts'
import { type Actor, isActor, requireAdminOf } from '#directory/users/actor.ts'
import { requireUser } from '#directory/users/user-queries.ts'
import type { Queryable } from '#foundation/database/database.ts'
import { english } from '#foundation/messages/translator.ts'
import { type ApiRoute, apiRoute } from '#surfaces/api-kit/api-route.ts'
import { askedShape, checkScope, isGrantAsked, isSuperadmin, requireAskedOrganization, scopeOf } from './asked.ts'

/** `/v1/authorization/explain`: why somebody may do something, and why not. */
export function explainApi(): ApiRoute[] {
  return [
    apiRoute({
      name: 'explainAuthorization',
      method: 'GET',
      path: '/v1/authorization/explain',
      summary: 'Explain why somebody may do or see something, or not',
      description:
        'For a permission, a data scope or both: allowed when all that is asked about is held, as introspection would ' +
        'answer at this moment. `because` names every grant that gives some of it, `missing` what nothing gives, or why ' +
        'nothing of theirs works there. Anybody may ask about themselves, administrators about everybody in their ' +
        'organization, superadmins about everybody. What an API key or an application carries less than its owner is ' +
        'not told here.',
      tags: ['Authorization'],
      query,
      answer: explanation,
      errors: ['not_found'],
      find: ({ db, actor, query }) => findHolder(db, actor, query),
      handle: async ({ db, found, query }) =>
        toAnswer(await explainAuthorization(db, found, { permission: query.permission, scope: scopeOf(query) })),
    }),
  ]
}

const query = z
  .strictObject({
    ...askedShape,
    client_id: z
      .string()
      .max(500, 'must be at most 500 characters')
      .optional()
      .describe('A service account, in place of `user`; neither: oneself')
      .meta({ examples: ['nightly-export'] }),
  })
  .superRefine((asked, context) => {
    checkScope(asked, context)
    if (asked.user !== undefined && asked.client_id !== undefined) {
      context.addIssue({ code: 'custom', path: ['client_id'], message: 'user and client_id exclude each other' })
    }
    if (isGrantAsked(asked)) return
    context.addIssue({ code: 'custom', path: ['permission'], message: 'is required, or source' })
  })

/** Whom it is about. @throws GatehouseError not_found, also for who has nothing to do with the actor's organization */
async function findHolder(db: Queryable, actor: Actor, asked: z.infer<typeof query>): Promise<Holder> {
  const { id: organizationId } = await requireAskedOrganization(db, actor, asked.organization)
  const { user, client_id: clientId } = asked
  if (clientId === undefined && (user === undefined || isActor(actor, user))) {
    return { organizationId, userId: actor.user.id }
  }
  requireAdminOf(actor, organizationId)
  if (clientId !== undefined) {
    await requireManagedClient(db, { id: organizationId }, clientId)
    return { organizationId, clientId }
  }
  if (isSuperadmin(actor)) return { organizationId, userId: (await requireUser(db, user!)).id }
  return { organizationId, userId: (await requireMembership(db, organizationId, user!)).userId }
}

function toAnswer({ allowed, because, missing }: Explanation): z.input<typeof explanation> {
  return {
    allowed,
    because: because.map(({ origin, grant }) => ({
      ...(typeof origin === 'string' ? { kind: origin } : { kind: 'team' as const, team: origin.team }),
      ...(typeof grant === 'string'
        ? { grant, permission: grant }
        : { grant: english(describeDataScope(grant)), data_scope: grant }),
    })),
    missing,
  }
}

const explanation = z
  .object({
    allowed: z.boolean().describe('Whether all that is asked about is allowed'),
    because: z
      .array(
        z.object({
          kind: z.enum(['direct', 'team', 'superadmin']).describe('Where the grant stands'),
          team: z.object({ id: z.string(), name: z.string() }).optional().describe('Of `kind` team'),
          grant: z
            .string()
            .describe('What is granted there, for people to read')
            .meta({ examples: ['configuration-items:*', 'kubernetes: prod-cluster'] }),
          permission: z.string().optional().describe('The grant, where it is a permission'),
          data_scope: dataScope.optional().describe('The grant, where it is a data scope'),
        }),
      )
      .describe('Every grant that gives some of what is asked about: each would have to go'),
    missing: z
      .array(
        z.union([
          z.object({ permission: z.string() }),
          dataScope,
          z.object({
            reason: z
              .enum([
                'user_deactivated',
                'organization_suspended',
                'client_deactivated',
                'no_membership',
                'membership_deactivated',
              ])
              .describe('Nothing of theirs works there, whatever they are granted'),
          }),
        ]),
      )
      .describe('Empty when it is allowed'),
  })
  .meta({ id: 'Explanation', description: 'Why somebody may do or see something, or not' })
