import { endOtherSessions, endSession } from '#credentials/revocation/revocation.ts'
import { listSessions } from '#credentials/sessions/sessions.ts'
import { recordAuditEvent } from '#foundation/audit/record-audit-event.ts'
import { isStorable } from '#foundation/database/database.ts'
import { GatehouseError } from '#foundation/errors.ts'
import { seeOther } from '#foundation/http/see-other.ts'
import { deviceName } from '#foundation/values/device-name.ts'
import type { AccountRequest } from './account-request.ts'

const at = '/account/sessions'

/** Where one is signed in: device, address, last use. */
export async function showSessions({ ctx, db, sessionSeconds, signedIn, show }: AccountRequest): Promise<void> {
  const sessions = await listSessions(db, signedIn.user.id, sessionSeconds)
  const rows = sessions.map(({ uid, ip, userAgent, createdAt, lastUsedAt }) => ({
    uid,
    device: deviceName(userAgent),
    userAgent,
    ip,
    createdAt,
    lastUsedAt,
    isThisBrowser: uid === signedIn.sessionUid,
  }))
  await show('sessions', {
    at,
    // This browser comes first, whatever was used last.
    sessions: rows.sort((one, other) => Number(other.isThisBrowser) - Number(one.isThisBrowser)),
    ended: ctx.query.ended === 'one' || ctx.query.ended === 'others' ? ctx.query.ended : undefined,
  })
}

/** @throws GatehouseError not_found for a session of somebody else, or one that has ended */
export async function postEndSession({ ctx, db, form, signedIn }: AccountRequest): Promise<void> {
  const { user } = signedIn
  const uid = form.session ?? ''
  await db.transaction().execute(async (tx) => {
    if (!isStorable(uid) || !(await endSession(tx, user.id, uid))) {
      throw new GatehouseError('not_found', 'That session has ended already.')
    }
    await recordAuditEvent(tx, { actor: user.id, action: 'session.ended', subject: `session of ${user.email}` })
  })
  seeOther(ctx, `${at}?ended=one`)
}

/** Everywhere but here. */
export async function postEndOtherSessions({ ctx, db, signedIn }: AccountRequest): Promise<void> {
  const { user, sessionUid } = signedIn
  await db.transaction().execute(async (tx) => {
    await endOtherSessions(tx, user.id, sessionUid)
    await recordAuditEvent(tx, { actor: user.id, action: 'session.others_ended', subject: `sessions of ${user.email}` })
  })
  seeOther(ctx, `${at}?ended=others`)
}
