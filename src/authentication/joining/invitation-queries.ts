import { sql } from 'kysely'
import { cursorTime } from '#foundation/database/clock.ts'
import { isStorable, type Queryable } from '#foundation/database/database.ts'
import { isBeyond } from '#foundation/database/newest-first.ts'
import type { PageQuery } from '#foundation/http/list.ts'

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
    .select(['i.id', 'i.email', 'i.admin', 'i.teamIds', 'i.createdAt', 'u.id as inviterId', 'u.email as inviterEmail'])
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
