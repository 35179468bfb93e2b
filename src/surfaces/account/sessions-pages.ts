import { endOtherSessions, endSession } from '#credentials/revocation/revocation.ts'
import { listSessions } from '#credentials/sessions/sessions.ts'
import { recordAuditEvent } from '#foundation/audit/record-audit-event.ts'
import { isStorable, type Queryable } from '#foundation/database/database.ts'
import { GatehouseError } from '#foundation/errors.ts'
import type { Route } from '#foundation/http/router.ts'
import { seeOther } from '#foundation/http/see-other.ts'
import { deviceName } from '#foundation/values/device-name.ts'
import type { SignedInPages, SignedInRequest } from '#surfaces/page-kit/signed-in-pages.ts'

const at = '/account/sessions'

interface Parts {
  db: Queryable
  /** After how long without use a session ends. */
  sessionSeconds: number
}

export function sessionsPages({ pages, ...parts }: Parts & { pages: SignedInPages }): Route[] {
  const { page, form } = pages.with(parts)
  return [
    ['GET', at, page(showSessions)],
    ['POST', `${at}/end`, form(postEndSession, { returnTo: at })],
    ['POST', `${at}/end-others`, form(postEndOtherSessions, { returnTo: at })],
  ]
}

/** Where one is signed in: device, address, last use. */
async function showSessions({ ctx, db, sessionSeconds, signedIn, show }: SignedInRequest & Parts): Promise<void> {
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
async function postEndSession({ ctx, db, form, signedIn }: SignedInRequest & Parts): Promise<void> {
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
async function postEndOtherSessions({ ctx, db, signedIn }: SignedInRequest & Parts): Promise<void> {
  const { user, sessionUid } = signedIn
  await db.transaction().execute(async (tx) => {
    await endOtherSessions(tx, user.id, sessionUid)
    await recordAuditEvent(tx, { actor: user.id, action: 'session.others_ended', subject: `sessions of ${user.email}` })
  })
  seeOther(ctx, `${at}?ended=others`)
}
