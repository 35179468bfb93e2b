import { z } from 'zod'
import { createUser } from '#authentication/joining/create-user.ts'
import { mailPasswordReset } from '#authentication/joining/reset-password.ts'
import { editUser } from '#directory/organizations/edit-user.ts'
import { listUsersNewestFirst, requireUser } from '#directory/users/user-queries.ts'
import type { Queryable } from '#foundation/database/database.ts'
import type { User } from '#foundation/database/schema.ts'
import { listOf, pageOf, pageQuery } from '#foundation/http/list.ts'
import { yesOrNo } from '#foundation/http/yes-or-no.ts'
import type { MailOutbox } from '#foundation/outbox/outbox.ts'
import { emailAddress } from '#foundation/values/email-address.ts'
import { displayName } from '#foundation/values/names.ts'
import { type ApiRoute, apiRoute } from '#surfaces/api-kit/api-route.ts'

const tags: [string] = ['Users']
const path = '/v1/users'
const ofUser = z.strictObject({ user: z.string() })

/** `/v1/users`: everybody who has an account, for superadmins. */
export function userApi({ outbox }: { outbox: MailOutbox }): ApiRoute[] {
  const find = ({ db, params }: { db: Queryable; params: { user: string } }) => requireUser(db, params.user)
  return [
    apiRoute({
      name: 'listUsers',
      method: 'GET',
      path,
      summary: 'Find users',
      tags,
      query: z.strictObject({
        ...pageQuery,
        q: z
          .string()
          .max(254)
          .optional()
          .describe('Beginning of address or name')
          .meta({ examples: ['ada'] }),
        superadmin: yesOrNo.optional(),
        active: yesOrNo.optional().describe('false: those switched off'),
      }),
      answer: listOf(user),
      async handle({ db, query: { limit, cursor, ...filter } }) {
        const rows = await listUsersNewestFirst(db, filter, { limit, cursor })
        return pageOf(rows, limit, ({ at, id }) => ({ at, id }), toAnswer)
      },
    }),
    apiRoute({
      name: 'createUser',
      method: 'POST',
      path,
      summary: 'Create a user',
      description:
        'The address counts as verified. Without a password the person is mailed a link by which they choose one. Nobody is ' +
        'made a superadmin with an API key.',
      tags,
      transaction: 'own',
      body: z.strictObject({
        email: emailAddress.meta({ examples: ['carol@acme.test'] }),
        name: displayName.meta({ examples: ['Carol'] }),
        password: z.string().meta({ format: 'password' }).optional(),
        superadmin: z.boolean().default(false),
      }),
      status: 201,
      answer: user,
      errors: ['conflict', 'too_many_requests'],
      async handle({ db, actor, body: { email, name, password, superadmin } }) {
        const { id } = await createUser({ db, outbox }, actor, { email, name, password, superadmin })
        return toAnswer(await requireUser(db, id))
      },
    }),
    apiRoute({
      name: 'getUser',
      method: 'GET',
      path: `${path}/{user}`,
      summary: 'Read a user',
      tags,
      params: ofUser,
      answer: user,
      errors: ['not_found'],
      find,
      handle: async ({ found }) => toAnswer(found),
    }),
    apiRoute({
      name: 'editUser',
      method: 'PATCH',
      path: `${path}/{user}`,
      summary: 'Change a user',
      description:
        'What is left out stays. `active: false` stops all that opens the account, at once. The last superadmin, and the ' +
        'last administrator of an organization, stay. An API key changes no superadmins.',
      tags,
      params: ofUser,
      body: z.strictObject({
        name: displayName.optional(),
        superadmin: z.boolean().optional(),
        active: z.boolean().optional(),
      }),
      answer: user,
      errors: ['not_found', 'conflict'],
      find,
      handle: async ({ db, actor, found, body }) => toAnswer(await editUser(db, actor, found.id, body)),
    }),
    apiRoute({
      name: 'mailPasswordReset',
      method: 'POST',
      path: `${path}/{user}/password-reset`,
      summary: 'Mail a user a link to choose a new password',
      description: 'It works once, for one hour; the password stays until then.',
      tags,
      params: ofUser,
      status: 202,
      errors: ['not_found', 'too_many_requests'],
      find,
      async handle({ db, actor, found }) {
        await mailPasswordReset({ db, outbox }, actor, found.id)
      },
    }),
  ]
}

function toAnswer(row: User): z.infer<typeof user> {
  return {
    id: row.id,
    email: row.email,
    email_verified: row.emailVerifiedAt !== null,
    name: row.name,
    superadmin: row.superadmin,
    active: row.deactivatedAt === null,
    has_password: row.passwordHash !== null,
    created_at: row.createdAt.toISOString(),
  }
}

const user = z
  .object({
    id: z.string().meta({ examples: ['usr_3kTq0x'] }),
    email: z.string(),
    email_verified: z.boolean().describe('Whether the address was proven, or vouched for'),
    name: z.string(),
    superadmin: z.boolean().describe('Passes every check, in every organization'),
    active: z.boolean(),
    has_password: z.boolean().describe('false: signs in through a connection, or has not chosen one yet'),
    created_at: z.iso.datetime(),
  })
  .meta({ id: 'User', description: 'A person with an account, across all organizations' })
