import { z } from 'zod'
import { dataScope, grantedPermission } from '#directory/access/grants.ts'
import type { DataScope } from '#foundation/values/data-scope.ts'
import { options } from './command.ts'

/** `kubernetes=prod-cluster`, `kubernetes` (all of it), `*` (everything) */
const typedDataScope = z
  .string()
  .transform((text): DataScope => {
    if (text === '*') return { source: null, scope_id: null }
    const [source = '', ...rest] = text.split('=')
    return { source, scope_id: rest.length > 0 ? rest.join('=') : null }
  })
  .pipe(dataScope)

/** What a person, team, service account or key may do. */
export const permissions = options('permission', 'such as items:read, items:* or *', grantedPermission)

/** Which rows they may see. */
export const dataScopes = options('scope', 'source=scope_id; source for all of it; * for everything', typedDataScope)
