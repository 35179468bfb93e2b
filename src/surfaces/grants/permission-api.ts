import { z } from 'zod'
import { listPermissionPage, requirePermission } from '#directory/access/authorization-queries.ts'
import { permissionName } from '#directory/access/grants.ts'
import { createPermission, deletePermission, describePermissionAnew } from '#directory/access/manage-permission.ts'
import type { Permission } from '#foundation/database/schema.ts'
import { listOf, pageOf, pageQuery } from '#foundation/http/list.ts'
import { plainText } from '#foundation/values/names.ts'
import { type ApiRoute, apiRoute } from '#surfaces/api-kit/api-route.ts'

const tags: [string] = ['Permissions']
const permissionsPath = '/v1/permissions'
const permissionPath = `${permissionsPath}/{permission}`
const ofPermission = z.strictObject({
  permission: z
    .string()
    .describe('Its name')
    .meta({ examples: ['configuration-items:read'] }),
})
export const permissionDescription = plainText(1000)
  .describe('What it is for, in words for whoever grants it')
  .meta({ examples: ['See configuration items'] })

/** `/v1/permissions`: the catalogue of what may be granted. */
export function permissionApi(): ApiRoute[] {
  return [
    apiRoute({
      name: 'listPermissions',
      method: 'GET',
      path: permissionsPath,
      summary: 'List the permissions that may be granted',
      description: 'The catalogue of the deployment, the same for every organization.',
      tags,
      query: z.strictObject(pageQuery),
      answer: listOf(permission),
      handle: async ({ db, query }) =>
        pageOf(await listPermissionPage(db, query), query.limit, ({ position }) => position, toAnswer),
    }),
    apiRoute({
      name: 'createPermission',
      method: 'POST',
      path: permissionsPath,
      summary: 'Add a permission to the catalogue',
      description: 'Nobody has it yet, but who was granted `*`, or `resource:*` of its resource.',
      tags,
      body: z.strictObject({
        name: permissionName.describe('`resource:action`').meta({ examples: ['configuration-items:read'] }),
        description: permissionDescription.default(''),
      }),
      status: 201,
      answer: permission,
      errors: ['conflict'],
      handle: async ({ db, actor, body }) => toAnswer(await createPermission(db, actor, body)),
    }),
    apiRoute({
      name: 'getPermission',
      method: 'GET',
      path: permissionPath,
      summary: 'Read a permission',
      tags,
      params: ofPermission,
      answer: permission,
      find: ({ db, params }) => requirePermission(db, params.permission),
      handle: async ({ found }) => toAnswer(found),
    }),
    apiRoute({
      name: 'editPermission',
      method: 'PATCH',
      path: permissionPath,
      summary: 'Describe a permission in other words',
      description: 'Its name stays: programs ask for it.',
      tags,
      params: ofPermission,
      body: z.strictObject({ description: permissionDescription.optional() }),
      answer: permission,
      find: ({ db, params }) => requirePermission(db, params.permission),
      handle: async ({ db, actor, found, body }) => toAnswer(await describePermissionAnew(db, actor, found.name, body)),
    }),
    apiRoute({
      name: 'deletePermission',
      method: 'DELETE',
      path: permissionPath,
      summary: 'Take a permission out of the catalogue',
      description:
        'Only while nothing grants it: 409 `conflict` says how many grants hold it, of members, teams and service ' +
        'accounts, and how many clients name it in their scope (`held`). So nobody loses anything by it.',
      tags,
      params: ofPermission,
      errors: ['conflict'],
      find: ({ db, params }) => requirePermission(db, params.permission),
      handle: ({ db, actor, found }) => deletePermission(db, actor, found.name),
    }),
  ]
}

function toAnswer({ name, description, createdAt }: Permission) {
  return { name, description, created_at: createdAt.toISOString() }
}

const permission = z
  .object({
    name: z.string().meta({ examples: ['configuration-items:read'] }),
    description: z.string().meta({ examples: ['See configuration items'] }),
    created_at: z.iso.datetime(),
  })
  .meta({ id: 'Permission', description: 'A permission of the catalogue' })
