import { z } from 'zod'
import { type Grants, grantedPermission } from '#directory/access/grants.ts'
import { findOrganizationEvenSuspended } from '#directory/organizations/organization-queries.ts'
import type { Actor } from '#directory/users/actor.ts'
import type { Queryable } from '#foundation/database/database.ts'
import type { Organization } from '#foundation/database/schema.ts'
import { GatehouseError } from '#foundation/errors.ts'
import type { DataScope } from '#foundation/values/data-scope.ts'

const name = z.string().max(500, 'must be at most 500 characters')

/** What a question about rights is about. */
export const askedShape = {
  organization: name
    .optional()
    .describe('Id or slug; absent: the organization that the credential acts in')
    .meta({ examples: ['acme'] }),
  user: name
    .optional()
    .describe('Id or e-mail address')
    .meta({ examples: ['ada@acme.test'] }),
  permission: grantedPermission.optional().meta({ examples: ['configuration-items:read'] }),
  source: name
    .optional()
    .describe('Of a data scope; `*` is every source')
    .meta({ examples: ['kubernetes'] }),
  scope_id: name
    .optional()
    .describe('Within `source`; absent: all of it')
    .meta({ examples: ['prod-cluster'] }),
}

interface AskedGrant {
  permission?: string | undefined
  source?: string | undefined
  scope_id?: string | undefined
}

/** A data scope that no source is named of would be one of nothing. */
export function checkScope({ source, scope_id }: AskedGrant, context: z.RefinementCtx): void {
  const message = 'needs a source that it is one of'
  if (scope_id !== undefined && (source === undefined || source === '*')) {
    context.addIssue({ code: 'custom', path: ['scope_id'], message })
  }
}

export function isGrantAsked({ permission, source }: AskedGrant): boolean {
  return permission !== undefined || source !== undefined
}

/** The data scope that is named, if one is. */
export function scopeOf({ source, scope_id }: AskedGrant): DataScope | undefined {
  if (source === undefined) return undefined
  return source === '*' ? { source: null, scope_id: null } : { source, scope_id: scope_id ?? null }
}

/** A permission, a data scope or both, as a grant has them. */
export function grantsOf(asked: AskedGrant): Grants {
  const scope = scopeOf(asked)
  return {
    permissions: asked.permission === undefined ? [] : [asked.permission],
    dataScopes: scope ? [scope] : [],
  }
}

/**
 * The organization that is asked about, suspended or not: the actor's own, or for a superadmin any.
 * @throws GatehouseError not_found, for another's as for none
 */
export async function requireAskedOrganization(
  db: Queryable,
  actor: Actor,
  slugOrId: string | undefined,
): Promise<Organization> {
  const organization = await findOrganizationEvenSuspended(db, slugOrId ?? actor.organizationId)
  const isOpen = organization?.id === actor.organizationId || isSuperadmin(actor)
  if (organization && isOpen) return organization
  throw new GatehouseError('not_found', 'There is no such organization.')
}

/** Not with a credential that carries less than its owner. */
export function isSuperadmin({ user, isAdmin }: Actor): boolean {
  return user.superadmin && isAdmin
}
