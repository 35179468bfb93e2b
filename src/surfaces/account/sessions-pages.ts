import { listSessions } from '#credentials/sessions/sessions.ts'
import { endOwnOtherSessions, endOwnSession } from '#directory/users/end-own-sessions.ts'
import type { Queryable } from '#foundation/database/database.ts'
import type { Route } from '#foundation/http/router.ts'
import { seeOther } from '#foundation/http/see-other.ts'
import { deviceText } from '#foundation/messages/device-text.ts'
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
    device: deviceText(deviceName(userAgent)),
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

async function postEndSession({ ctx, db, form, actor }: SignedInRequest & Parts): Promise<void> {
  await endOwnSession(db, actor, form.session ?? '')
  seeOther(ctx, `${at}?ended=one`)
}

/** Everywhere but here. */
async function postEndOtherSessions({ ctx, db, actor, signedIn }: SignedInRequest & Parts): Promise<void> {
  await endOwnOtherSessions(db, actor, signedIn.sessionUid)
  seeOther(ctx, `${at}?ended=others`)
}
