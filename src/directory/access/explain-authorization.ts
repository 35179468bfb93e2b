import { sql } from 'kysely'
import { holderDataScopes, holderEnded, holderJoins, holderPermissions } from '#credentials/resolve/holder.ts'
import type { Queryable } from '#foundation/database/database.ts'
import { coversScope, type DataScope } from '#foundation/values/data-scope.ts'
import { covers } from '#foundation/values/permission.ts'
import { type GrantSource, listGrantSources, type Origin } from './authorization-origins.ts'
import type { Grants } from './grants.ts'

/** A person, or a service account, in one organization. */
export type Holder = { organizationId: string } & ({ userId: string } | { clientId: string })

/** What is asked about: a permission, a data scope, or whether both are held. */
export interface Wanted {
  permission?: string | undefined
  scope?: DataScope | undefined
}

export type Missing =
  | { permission: string }
  | DataScope
  /** Nothing of theirs works there, whatever they are granted. */
  | {
      reason:
        | 'user_deactivated'
        | 'organization_suspended'
        | 'client_deactivated'
        | 'no_membership'
        | 'membership_deactivated'
    }

export interface Explanation {
  allowed: boolean
  /** Every place that gives some of what is asked about, with the grant that does: each would have to go. */
  because: { origin: Origin; grant: string | DataScope }[]
  missing: Missing[]
}

/** Whether somebody may do or see something, and by which grants: decided by the statement that decides introspection. */
export async function explainAuthorization(db: Queryable, holder: Holder, wanted: Wanted): Promise<Explanation> {
  const standing = await readStanding(db, holder)
  const missing = missingOf(standing, wanted)
  const sources = standing.ended ? [] : await sourcesOf(db, holder, standing)
  return { allowed: missing.length === 0, because: sources.flatMap((source) => grantsFor(source, wanted)), missing }
}

interface Standing extends Grants {
  ended: string | null
}

async function readStanding(db: Queryable, holder: Holder): Promise<Standing> {
  const userId = 'userId' in holder ? holder.userId : null
  const clientId = 'clientId' in holder ? holder.clientId : null
  const { rows } = await sql<{ ended: string | null; permissions: string; dataScopes: string }>`
    select ${sql.raw(holderEnded)} as ended,
      ${sql.raw(holderPermissions)} as permissions, ${sql.raw(holderDataScopes)} as data_scopes
    from (select ${userId}::text as user_id, ${clientId}::text as client_id,
      ${holder.organizationId}::text as organization_id) as c ${sql.raw(holderJoins)}`.execute(db)
  const { ended, permissions, dataScopes } = rows[0]!
  return { ended, permissions: JSON.parse(permissions), dataScopes: JSON.parse(dataScopes) }
}

function missingOf({ ended, permissions, dataScopes }: Standing, { permission, scope }: Wanted): Missing[] {
  const missing: Missing[] = []
  if (ended !== null) missing.push({ reason: reasonOf(ended) })
  if (permission !== undefined && !permissions.some((granted) => covers(granted, permission))) {
    missing.push({ permission })
  }
  if (scope && !dataScopes.some((granted) => coversScope(granted, scope))) missing.push(scope)
  return missing
}

/** A credential of somebody without membership had one once; here perhaps there never was any. */
function reasonOf(ended: string) {
  type Reason = Extract<Missing, { reason: string }>['reason']
  return ended === 'membership_removed' ? 'no_membership' : (ended as Reason)
}

async function sourcesOf(db: Queryable, holder: Holder, { permissions, dataScopes }: Standing): Promise<GrantSource[]> {
  return 'userId' in holder ? listGrantSources(db, holder) : [{ origin: 'direct', permissions, dataScopes }]
}

function grantsFor({ origin, permissions, dataScopes }: GrantSource, { permission, scope }: Wanted) {
  const ofPermission = permissions.filter((granted) => permission !== undefined && covers(granted, permission))
  const ofScope = dataScopes.filter((granted) => scope && coversScope(granted, scope))
  return [...ofPermission, ...ofScope].map((grant) => ({ origin, grant }))
}
