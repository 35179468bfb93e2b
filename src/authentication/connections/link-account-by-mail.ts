import {
  consumeMailLinkOfUser,
  isOwnMailbox,
  type MailLink,
  mailLinkPath,
  makeMailLink,
} from '#authentication/mail-links/mail-link.ts'
import { markEmailVerified } from '#directory/users/save-user.ts'
import { findUserByEmail, lockActiveUser } from '#directory/users/user-queries.ts'
import { sha256 } from '#foundation/crypto/sha256.ts'
import { inTransaction, type Queryable } from '#foundation/database/database.ts'
import type { Connection, User } from '#foundation/database/schema.ts'
import type { Asking } from '#foundation/outbox/mail.ts'
import type { MailOutbox } from '#foundation/outbox/outbox.ts'
import { connectionLabel } from './connection.ts'
import { voidUnprovenCredentials } from './unproven-credentials.ts'
import type { UpstreamIdentity } from './upstream-identity.ts'

/** Who came back from an identity provider, and through what: to be linked to the account of the same address. */
export interface ArrivedIdentity {
  connection: Connection
  identity: UpstreamIdentity
}

/**
 * Mails the owner of the account a link by which they prove that it is theirs. Where there is no such account, the mail
 * says so: only who reads the mailbox learns which.
 * @param of.sealedUid names the sign-in that the link is for
 * @param of.page where the link leads
 */
export async function mailAccountLink(
  { db, outbox }: { db: Queryable; outbox: MailOutbox },
  of: { arrived: ArrivedIdentity; sealedUid: string; page: string; asked: Asking },
): Promise<void> {
  const { arrived, sealedUid, page, asked } = of
  await inTransaction(db, async (tx) => {
    const { email = '' } = arrived.identity
    const owner = await findUserByEmail(tx, email)
    if (!owner) return mailThatThereIsNone(tx, outbox, { email, arrived, asked })
    const user = await lockActiveUser(tx, owner.id)
    if (!user) return
    const payload = { sealedUid, upstreamSubject: nameOfSubject(arrived), asked }
    const token = await makeMailLink(tx, { purpose: 'prove_account', email: user.email, userId: user.id, payload })
    if (!token) return
    await outbox.enqueueMail(tx, {
      to: user.email,
      template: 'link-account',
      locals: {
        linkPath: mailLinkPath(page, token),
        connectionLabel: connectionLabel(arrived.connection),
        upstreamPerson: personAt(arrived),
        asked,
      },
    })
  })
}

async function mailThatThereIsNone(
  tx: Queryable,
  outbox: MailOutbox,
  { email, arrived, asked }: { email: string; arrived: ArrivedIdentity; asked: Asking },
): Promise<void> {
  const locals = { connectionLabel: connectionLabel(arrived.connection), upstreamPerson: personAt(arrived), asked }
  await outbox.enqueueMail(tx, { to: email, template: 'no-account', locals })
}

/** Whether a mailed link was asked for by this very identity: the interaction may have another one by now. */
export function isAbout(link: MailLink, arrived: ArrivedIdentity): boolean {
  return link.payload.upstreamSubject === nameOfSubject(arrived)
}

/**
 * Uses a link up, which proves the mailbox. If nothing had before, what was left on the account was a stranger's and is
 * void, as when its owner arrives through a provider that vouches for the address.
 * @returns the account's user; undefined for a link that is used, too old, or to an address that is theirs no more
 */
export function consumeAccountLink(db: Queryable, token: string): Promise<User | undefined> {
  return inTransaction(db, async (tx) => {
    const used = await consumeMailLinkOfUser(tx, 'prove_account', token)
    if (!used || !isOwnMailbox(used.link, used.user)) return undefined
    const { user } = used
    if (user.emailVerifiedAt === null) await voidUnprovenCredentials(tx, user)
    await markEmailVerified(tx, user.id)
    return user
  })
}

/** Whom the provider has signed in, as its person may know themselves: by name and by its own word for them. */
export function personAt({ identity: { name, subject } }: ArrivedIdentity): string {
  return name === undefined ? subject : `${name}, ${subject}`
}

/** Connection, issuer and subject in one: a subject is a person only at its issuer (OpenID Connect Core §5.7). */
function nameOfSubject({ connection, identity }: ArrivedIdentity): string {
  return sha256(JSON.stringify([connection.id, identity.issuer, identity.subject])).toString('base64url')
}
