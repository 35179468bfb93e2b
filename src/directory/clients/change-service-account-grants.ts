import { changedGrants, type GrantChange } from '#directory/access/change-grants.ts'
import type { Grants } from '#directory/access/grants.ts'
import type { GrantManagement } from '#directory/access/set-grants.ts'
import type { Queryable } from '#foundation/database/database.ts'
import { changeClient } from './managed-client.ts'
import { setGrantsOfServiceAccount } from './set-service-account-grants.ts'

/** Adds to the grants of a service account, or takes away from them. @returns and @throws as `changeGrantsOfMember` */
export function changeGrantsOfServiceAccount(
  db: Queryable,
  management: GrantManagement,
  clientId: string,
  change: GrantChange,
): Promise<Grants> {
  return changeClient(db, management, clientId, (tx, client) =>
    setGrantsOfServiceAccount(tx, management, client, changedGrants(client, change)),
  )
}
