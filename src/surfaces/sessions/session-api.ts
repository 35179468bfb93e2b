import { z } from 'zod'
import { listAllowedClients } from '#credentials/grants/grant-queries.ts'
import { listSessionsNewestFirst } from '#credentials/sessions/sessions.ts'
import { namesOfOrganizations } from '#directory/organizations/organization-queries.ts'
import { isActor, requireSuperadmin } from '#directory/users/actor.ts'
import { disallowApplication } from '#directory/users/disallow-application.ts'
import { endAnySession } from '#directory/users/end-own-sessions.ts'
import { requireUser } from '#directory/users/user-queries.ts'
import { listOf, pageOf, pageQuery } from '#foundation/http/list.ts'
import { deviceName } from '#foundation/values/device-name.ts'
import { organizationSummary } from '#foundation/values/names.ts'
import { type ApiRoute, apiRoute } from '#surfaces/api-kit/api-route.ts'

/**
 * Where people are signed in, and which applications they let act for them.
 * @param parts.sessionSeconds after how long without use a session ends
 */
export function sessionApi({ sessionSeconds }: { sessionSeconds: number }): ApiRoute[] {
  return [
    apiRoute({
      name: 'listSessions',
      method: 'GET',
      path: '/v1/sessions',
      summary: 'List the browsers that somebody is signed in with',
      description: 'One’s own; a superadmin may name anybody by id or e-mail address. No id opens anything.',
      tags: ['Sessions'],
      query: z.strictObject({ ...pageQuery, user: z.string().max(254).optional() }),
      answer: listOf(session),
      errors: ['not_found'],
      async handle({ db, actor, query: { limit, cursor, user: wanted } }) {
        const isOwn = wanted === undefined || isActor(actor, wanted)
        if (!isOwn) requireSuperadmin(actor)
        const owner = isOwn ? actor.user : await requireUser(db, wanted)
        const of = { userId: owner.id, idleSeconds: sessionSeconds }
        const rows = await listSessionsNewestFirst(db, of, { limit, cursor })
        return pageOf(
          rows,
          limit,
          ({ at, uid }) => ({ at, id: uid }),
          ({ uid, ip, userAgent, createdAt, lastUsedAt }) => ({
            id: uid,
            user: { id: owner.id, email: owner.email },
            device: deviceName(userAgent),
            ip,
            created_at: createdAt.toISOString(),
            last_used_at: lastUsedAt.toISOString(),
          }),
        )
      },
    }),
    apiRoute({
      name: 'endSession',
      method: 'DELETE',
      path: '/v1/sessions/{id}',
      summary: 'Sign a browser out',
      description: 'With the session ends what it gave, at once. One’s own; a superadmin may end anybody’s.',
      tags: ['Sessions'],
      params: z.strictObject({ id: z.string() }),
      errors: ['not_found'],
      handle: ({ db, actor, params }) => endAnySession(db, actor, params.id),
    }),
    apiRoute({
      name: 'listAllowedApplications',
      method: 'GET',
      path: '/v1/allowed-applications',
      summary: 'List the applications that act for oneself by consent',
      tags: ['Sessions'],
      answer: listOf(allowedApplication),
      async handle({ db, actor }) {
        const clients = await listAllowedClients(db, actor.user.id)
        const names = await namesOfOrganizations(db, [...new Set(clients.flatMap((client) => client.organizationIds))])
        return {
          items: clients.map(({ clientId, clientName, organizationIds, firstAllowedAt, expiresAt }) => ({
            client_id: clientId,
            client_name: clientName,
            organizations: organizationIds.flatMap((id) => names.get(id) ?? []),
            created_at: firstAllowedAt.toISOString(),
            expires_at: expiresAt.toISOString(),
          })),
          next_cursor: null,
        }
      },
    }),
    apiRoute({
      name: 'disallowApplication',
      method: 'DELETE',
      path: '/v1/allowed-applications/{client_id}',
      summary: 'Take back what an application was allowed',
      description: 'Its tokens end at once, and it asks for consent anew.',
      tags: ['Sessions'],
      params: z.strictObject({ client_id: z.string() }),
      errors: ['not_found'],
      handle: ({ db, actor, params }) => disallowApplication(db, actor, params.client_id),
    }),
  ]
}

const session = z
  .object({
    id: z.string(),
    user: z.object({ id: z.string(), email: z.string() }),
    device: z
      .string()
      .describe('Browser and system, as far as they say')
      .meta({ examples: ['Firefox on Linux'] }),
    ip: z.string().nullable(),
    created_at: z.iso.datetime(),
    last_used_at: z.iso.datetime().describe('True within a minute'),
  })
  .meta({ id: 'Session', description: 'A browser that somebody is signed in with' })

const allowedApplication = z
  .object({
    client_id: z.string(),
    client_name: z.string(),
    organizations: z.array(organizationSummary),
    created_at: z.iso.datetime().describe('When it was allowed first'),
    expires_at: z.iso.datetime(),
  })
  .meta({ id: 'AllowedApplication', description: 'An application that acts for a person by their consent' })
