import type { LogFilter, LogOutcome } from '#credentials/log/log-filter.ts'
import { findOwnerOfApiKey } from '#credentials/log/log-queries.ts'
import { requireUser } from '#directory/users/user-queries.ts'
import type { Queryable } from '#foundation/database/database.ts'
import { GatehouseError } from '#foundation/errors.ts'
import { requireOrganization } from './named.ts'
import { UsageError } from './usage-error.ts'

export interface AskedEntries {
  organization: string | undefined
  user: string | undefined
  key: string | undefined
  outcome: LogOutcome | undefined
  from: string | undefined
  to: string | undefined
}

/**
 * Which entries the operator, who sees all, asks for. A person's are those in the organization and those before one was
 * chosen.
 * @throws UsageError, GatehouseError not_found
 */
export async function askedEntries(
  db: Queryable,
  { organization: slugOrId, user, key, outcome, from, to }: AskedEntries,
): Promise<LogFilter> {
  const asked = { outcome, from, to }
  if (slugOrId === undefined) {
    if (user !== undefined || key !== undefined) throw new UsageError('--user and --key need --organization.')
    return { ...asked, subjects: [{ of: 'everything' }, { of: 'no owner' }] }
  }
  const organizationId = (await requireOrganization(db, slugOrId)).id
  const userId = user === undefined ? undefined : (await requireUser(db, user)).id
  if (key !== undefined) {
    const found = await findOwnerOfApiKey(db, { apiKeyId: key, organizationId })
    if (!found) throw new GatehouseError('not_found', `There is no API key ${key} in this organization.`)
    return { ...asked, subjects: [{ of: 'api key', apiKeyId: key, organizationId, userId }] }
  }
  if (userId === undefined) return { ...asked, subjects: [{ of: 'organization', organizationId }] }
  const person = { of: 'person', userId } as const
  return {
    ...asked,
    subjects: [
      { ...person, organizationId },
      { ...person, organizationId: null },
    ],
  }
}
