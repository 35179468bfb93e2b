import { randomUUID } from 'node:crypto'
import { sql } from 'kysely'
import type { Logger } from 'pino'
import { currentOrigin } from '#foundation/audit/origin.ts'
import type { Encryption } from '#foundation/crypto/encryption.ts'
import { sha256 } from '#foundation/crypto/sha256.ts'
import type { Queryable } from '#foundation/database/database.ts'
import { lockEach } from '#foundation/database/locks.ts'
import { GatehouseError } from '#foundation/errors.ts'
import { emailAddress, emailKey } from '#foundation/values/email-address.ts'
import { type Mail, type MailContent, mailTemplates, templatesOnRequest } from './mail.ts'

/**
 * How many mails an address gets within an hour: of those that strangers may ask for, together; of each kind that tells
 * of something done, which no request can use up.
 */
export const mostMailsPerHour = 3

/** Where mails are left by the transaction that causes them; `deliver.ts` sends what was committed. */
export interface MailOutbox {
  /**
   * Leaves a mail in the transaction `tx`: it is sent once `tx` has committed, and never if it rolls back. More than
   * `mostMailsPerHour` to one address are dropped; the caller isn't told, so that no one else can be.
   * @throws GatehouseError validation_failed when `to` is not exactly one address
   */
  enqueueMail(tx: Queryable, mail: Mail): Promise<void>
  /** The same for several mails of one transaction, which must not call `enqueueMail` twice (see `lockRecipients`). */
  enqueueMails(tx: Queryable, mails: readonly Mail[]): Promise<void>
}

interface Envelope {
  mail: Mail
  recipientHash: Buffer
}

export function createMailOutbox({ encryption, log }: { encryption: Encryption; log: Logger }): MailOutbox {
  async function enqueueMails(tx: Queryable, mails: readonly Mail[]): Promise<void> {
    const envelopes = mails.map(checked)
    await lockRecipients(tx, envelopes)
    for (const envelope of envelopes) {
      const { template } = envelope.mail
      if (await limitReached(tx, envelope)) log.warn({ template }, 'mail dropped: too many to one address')
      else await insertMail(tx, encryption, envelope)
    }
  }
  return { enqueueMails, enqueueMail: (tx, mail) => enqueueMails(tx, [mail]) }
}

/** Everything is checked here, in the request that causes the mail: later there is no one to tell. */
function checked(mail: Mail): Envelope {
  const to = emailAddress.safeParse(mail.to)
  if (!to.success) {
    const fields = [{ path: 'email', message: 'must be an e-mail address' }]
    throw new GatehouseError('validation_failed', 'That is not an e-mail address.', { fields })
  }
  const locals = mailTemplates[mail.template].locals.parse(mail.locals)
  const language = mail.language ?? currentOrigin().language()
  return { mail: { ...mail, to: to.data, locals, language } as Mail, recipientHash: sha256(emailKey(to.data)) }
}

/**
 * Lets one transaction at a time count and add mails for an address: one that waited counts what the other committed.
 * In one order, so that two transactions with the same two addresses (a swap of e-mail addresses) don't deadlock.
 */
async function lockRecipients(tx: Queryable, envelopes: readonly Envelope[]): Promise<void> {
  const recipients = envelopes.map(({ recipientHash }) => recipientHash.toString('hex'))
  await lockEach(tx, 'mailRecipient', recipients)
}

async function limitReached(tx: Queryable, { mail, recipientHash }: Envelope): Promise<boolean> {
  const { template } = mail
  const counted = templatesOnRequest.includes(template) ? templatesOnRequest : [template]
  const { count } = await tx
    .selectFrom('mailOutbox')
    .select((column) => column.fn.countAll<number>().as('count'))
    .where('recipientHash', '=', recipientHash)
    .where('template', 'in', counted)
    .where('createdAt', '>', sql<Date>`now() - interval '1 hour'`)
    .executeTakeFirstOrThrow()
  return count >= mostMailsPerHour
}

async function insertMail(tx: Queryable, encryption: Encryption, { mail, recipientHash }: Envelope): Promise<void> {
  const { template, ...content } = mail
  await tx
    .insertInto('mailOutbox')
    .values({ id: randomUUID(), template, recipientHash, content: sealContent(encryption, content) })
    .execute()
}

function sealContent(encryption: Encryption, content: MailContent): Buffer {
  return encryption.encrypt(JSON.stringify(content))
}
