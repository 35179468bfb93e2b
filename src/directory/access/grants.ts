import { z } from 'zod'
import { type DataScope, isDataScope, unionOfDataScopes } from '#foundation/values/data-scope.ts'
import { isPermission, unionOfPermissions } from '#foundation/values/permission.ts'

/** What a membership, a team or a service account is given: it may do these things and see these rows. */
export interface Grants {
  permissions: string[]
  dataScopes: DataScope[]
}

/** A permission of the catalogue: `configuration-items:read`, no wildcard. */
export const permissionName = z
  .string()
  .max(200, 'must be at most 200 characters')
  .refine((value) => isPermission(value) && !value.includes('*'), {
    error: 'must look like configuration-items:read, in lower case and without wildcard',
  })

/** A permission as it is granted: `resource:*` and `*` are allowed. */
export const grantedPermission = z
  .string()
  .max(200, 'must be at most 200 characters')
  .refine(isPermission, { error: 'must look like configuration-items:read, configuration-items:* or *' })

const scopePart = z
  .string()
  .min(1, 'must not be empty; null means all')
  .max(500, 'must be at most 500 characters')
  .regex(/^[^\p{Cc}\p{Cs}]*$/u, 'must not contain control characters')

export const dataScope = z
  .strictObject({ source: scopePart.nullable(), scope_id: scopePart.nullable() })
  .refine(isDataScope, {
    error: 'a scope_id needs a source: {source: null, scope_id: …} would name a scope of nothing',
  })
  .meta({
    id: 'DataScope',
    description: 'Which rows are seen: null means all. A `scope_id` needs a `source`.',
    not: { properties: { source: { type: 'null' }, scope_id: { type: 'string' } } },
    examples: [{ source: 'kubernetes', scope_id: 'prod-cluster' }],
  })

/** One spelling for equal grants: sorted, without duplicates, without what a wider scope covers. */
export function canonicalGrants(grants: Grants): Grants {
  return {
    permissions: unionOfPermissions([grants.permissions]),
    dataScopes: unionOfDataScopes([grants.dataScopes]),
  }
}

/** Whether a grant names something that exists: a permission of the catalogue, a resource that has one, or all. */
export function isInCatalogue(catalogue: ReadonlySet<string>, granted: string): boolean {
  if (granted === '*') return true
  if (!granted.endsWith(':*')) return catalogue.has(granted)
  const resource = granted.slice(0, -1)
  return catalogue.values().some((name) => name.startsWith(resource))
}
