import { sql } from 'kysely'
import { cursorTime } from '#foundation/database/clock.ts'
import { isStorable, type Queryable } from '#foundation/database/database.ts'
import { isBeyond } from '#foundation/database/newest-first.ts'
import type { PageQuery } from '#foundation/http/list.ts'
import { emailKey } from '#foundation/values/email-address.ts'

/** An invitation is found by its organization and id. */
export interface InvitationPlace {
  organizationId: string
  id: string
}

/** The invitation, held until the transaction ends; undefined once it was accepted or withdrawn. */
export async function lockOpenInvitation(tx: Queryable, { organizationId, id }: InvitationPlace) {
  if (!isStorable(id)) return undefined
  return tx
    .selectFrom('invitations')
    .select(['email', 'admin', 'teamIds'])
    .where('organizationId', '=', organizationId)
    .where('id', '=', id)
    .where('acceptedAt', 'is', null)
    .where('withdrawnAt', 'is', null)
    .forUpdate()
    .executeTakeFirst()
}

/** Open invitations of an organization, newest first; one row more than a page has, where there is one. */
export function listOpenInvitations(db: Queryable, organizationId: string, { limit, cursor }: PageQuery) {
  let query = db
    .selectFrom('invitations as i')
    .leftJoin('users as u', 'u.id', 'i.invitedBy')
    .select(['i.id', 'i.email', 'i.admin', 'i.teamIds', 'i.createdAt'])
    .select(['u.id as inviterId', 'u.email as inviterEmail', 'u.name as inviterName'])
    .select(cursorTime(sql.ref('i.createdAt')).as('at'))
    .where('i.organizationId', '=', organizationId)
    .where('i.acceptedAt', 'is', null)
    .where('i.withdrawnAt', 'is', null)
  if (cursor) query = query.where(isBeyond(cursor, ['i.createdAt', 'i.id']))
  return query
    .orderBy('i.createdAt', 'desc')
    .orderBy('i.id', 'desc')
    .limit(limit + 1)
    .execute()
}

/** How many invitations of an organization are open. */
export async function countOpenInvitations(db: Queryable, organizationId: string): Promise<number> {
  const { open } = await db
    .selectFrom('invitations')
    .select((count) => count.fn.countAll<string>().as('open'))
    .where('organizationId', '=', organizationId)
    .where('acceptedAt', 'is', null)
    .where('withdrawnAt', 'is', null)
    .executeTakeFirstOrThrow()
  return Number(open)
}

/** Which of these addresses an organization has invited, in lower case, and nobody has answered. */
export async function readInvitedAddresses(
  db: Queryable,
  organizationId: string,
  emails: readonly string[],
): Promise<Set<string>> {
  const invited = await db
    .selectFrom('invitations')
    .select(sql<string>`lower(email)`.as('key'))
    .where('organizationId', '=', organizationId)
    .where(sql<boolean>`lower(email) = any(${emails.map(emailKey)}::text[])`)
    .where('acceptedAt', 'is', null)
    .where('withdrawnAt', 'is', null)
    .execute()
  return new Set(invited.map(({ key }) => key))
}
