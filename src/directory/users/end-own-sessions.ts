import { endOtherSessions, endSession } from '#credentials/revocation/revocation.ts'
import { findOwnerOfSession } from '#credentials/sessions/sessions.ts'
import { recordAuditEvent } from '#foundation/audit/record-audit-event.ts'
import { inTransaction, isStorable, type Queryable } from '#foundation/database/database.ts'
import { GatehouseError } from '#foundation/errors.ts'
import type { Actor } from './actor.ts'
import { userSubject } from './audit-subjects.ts'
import { requireUser } from './user-queries.ts'

/** Ends a session of the actor's. @throws GatehouseError not_found for another person's, or one that has ended */
export async function endOwnSession(db: Queryable, { user }: Actor, uid: string): Promise<void> {
  await inTransaction(db, async (tx) => {
    if (!isStorable(uid) || !(await endSession(tx, user.id, uid))) {
      throw new GatehouseError('not_found', 'That session has ended already.')
    }
    await recordAuditEvent(tx, {
      actor: { user },
      action: 'session.ended',
      subject: { kind: 'session', id: uid, name: user.email },
    })
  })
}

/**
 * Ends a session of the actor's, or for a superadmin anybody's.
 * @throws GatehouseError not_found for another person's, or one that has ended
 */
export async function endAnySession(db: Queryable, actor: Actor, uid: string): Promise<void> {
  const ownerId = await findOwnerOfSession(db, uid)
  const mayEnd = ownerId === actor.user.id || (actor.isAdmin && actor.user.superadmin)
  if (ownerId === undefined || !mayEnd) throw new GatehouseError('not_found', 'There is no such session.')
  const owner = await requireUser(db, ownerId)
  await inTransaction(db, async (tx) => {
    if (!(await endSession(tx, ownerId, uid))) throw new GatehouseError('not_found', 'There is no such session.')
    const subject = { kind: 'session', id: uid, name: owner.email }
    await recordAuditEvent(tx, { actor, action: 'session.ended', subject })
  })
}

/** Ends every session of the actor's but this one. */
export async function endOwnOtherSessions(db: Queryable, { user }: Actor, sessionUid: string): Promise<void> {
  await inTransaction(db, async (tx) => {
    await endOtherSessions(tx, user.id, sessionUid)
    await recordAuditEvent(tx, {
      actor: { user },
      action: 'session.others_ended',
      subject: userSubject(user),
    })
  })
}
