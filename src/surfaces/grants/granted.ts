import { z } from 'zod'
import { dataScope, type Grants, grantedPermission } from '#directory/access/grants.ts'
import type { DataScope } from '#foundation/values/data-scope.ts'

const most = 1_000

export const permissions = z
  .array(grantedPermission)
  .max(most, `must be at most ${most}`)
  .describe('Names of the catalogue, `resource:*`, or `*` for everything in the organization')
  .meta({ examples: [['configuration-items:read', 'reports:*']] })

export const dataScopes = z
  .array(dataScope)
  .max(most, `must be at most ${most}`)
  .describe('`{"source": "kubernetes", "scope_id": null}` is all of kubernetes, both null is everything')
  .meta({ examples: [[{ source: 'kubernetes', scope_id: 'prod-cluster' }]] })

/** What is granted, as it is asked for: both lists replace what was there. */
export const grantsInput = z.strictObject({ permissions, data_scopes: dataScopes })

/** The two lists of every answer that tells what is granted. */
export const grantsShape = {
  permissions: z
    .array(z.string())
    .describe('Sorted, each once')
    .meta({ examples: [['configuration-items:read']] }),
  data_scopes: z.array(dataScope).describe('Sorted, without those that a wider one covers'),
}

export const grants = z
  .object(grantsShape)
  .meta({ id: 'Grants', description: 'What is granted to one holder, and to nobody else' })

export function toGrants({ permissions, data_scopes }: { permissions: string[]; data_scopes: DataScope[] }): Grants {
  return { permissions, dataScopes: data_scopes }
}

export function fromGrants({ permissions, dataScopes }: Grants) {
  return { permissions, data_scopes: dataScopes }
}
