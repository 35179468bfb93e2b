// From the outbox to the mail server. A mail is claimed for the length of a lease, sent, and recorded. A node that dies
// in between leaves a claim that runs out; the next node sends the mail again under the same Message-ID. Sending is cut
// off well before the lease ends, so two living nodes never send the same mail.

import { join } from 'node:path'
import type { Logger } from 'pino'
import type { Encryption } from '#foundation/crypto/encryption.ts'
import type { Queryable } from '#foundation/database/database.ts'
import { languageOf } from '#foundation/messages/languages.ts'
import type { Brand } from '#foundation/values/brand.ts'
import type { MailContent } from './mail.ts'
import { type ClaimedMail, claimDueMails, recordDelivery, recordGivenUp, recordRetry } from './outbox-queries.ts'
import { gatehouseBrand, renderMail } from './render-mail.ts'
import { hostOf, senderFrom } from './sender.ts'
import { describeFailure, directoryTransport, mostConnections, smtpTransport } from './transport.ts'

/** Milliseconds. */
export interface DeliveryTimes {
  /** For how long a claim keeps other nodes away. Half of it is the time that sending may take. */
  leaseMs: number
  /** Pause after the first failure; it doubles with each. */
  firstRetryMs: number
  longestRetryMs: number
  /** Age at which a mail that still cannot be delivered is given up. */
  giveUpAfterMs: number
  /** How long `stop` waits for mails under way. */
  drainMs: number
}

export interface MailDelivery {
  /** Claims what is due and begins to send it. To be called again and again: nothing tells of a mail but its row. */
  deliverDue(): Promise<void>
  /** Claims nothing more, and waits for what is under way; what is cut off is delivered after the next start. */
  stop(): Promise<void>
}

export interface MailDeliveryOptions {
  db: Queryable
  encryption: Encryption
  issuer: string
  /** Without it, mails are written to `dataDir/outbox`. */
  smtpUrl: string | undefined
  mailFrom: string | undefined
  dataDir: string
  /** Outside production the links of mails that no server takes are logged, for a person trying Gatehouse out. */
  production: boolean
  log: Logger
  times?: Partial<DeliveryTimes>
}

const hour = 3_600_000

const usualTimes: DeliveryTimes = {
  leaseMs: 120_000,
  firstRetryMs: 5_000,
  longestRetryMs: hour,
  giveUpAfterMs: 24 * hour,
  drainMs: 8_000,
}

/**
 * Delivers the mails of the outbox. Any number of nodes may do so at once.
 * @throws when `mailFrom` is not an address
 */
export function createMailDelivery(options: MailDeliveryOptions): MailDelivery {
  const { db } = options
  const times = { ...usualTimes, ...options.times }
  const cutOff = new AbortController()
  const deliver = deliverer({ ...options, times, cutOff: cutOff.signal })
  const underWay = new Set<Promise<void>>()
  let stopped = false

  const claim = (limit: number) => claimDueMails(db, { limit, leaseMs: times.leaseMs })

  /** In the place of one that is delivered comes the next, as long as any is due. */
  async function deliverOneByOne(first: ClaimedMail): Promise<void> {
    let mail: ClaimedMail | undefined = first
    while (mail) {
      await deliver.mail(mail)
      // What cannot be read now, the next `deliverDue` reads or fails with.
      mail = stopped ? undefined : (await claim(1).catch(() => []))[0]
    }
  }

  return {
    async deliverDue() {
      const places = mostConnections - underWay.size
      if (stopped || places === 0) return
      for (const mail of await claim(places)) {
        const delivery = deliverOneByOne(mail).finally(() => underWay.delete(delivery))
        underWay.add(delivery)
      }
    },
    async stop() {
      stopped = true
      const timer = setTimeout(() => cutOff.abort(), times.drainMs)
      await Promise.all(underWay)
      clearTimeout(timer)
      deliver.close()
    },
  }
}

function deliverer(options: MailDeliveryOptions & { times: DeliveryTimes; cutOff: AbortSignal }) {
  const { db, encryption, issuer, smtpUrl, log, times } = options
  const from = senderFrom(options.mailFrom, issuer)
  const transport = smtpUrl ? smtpTransport(smtpUrl) : directoryTransport(join(options.dataDir, 'outbox'))

  async function send(mail: ClaimedMail): Promise<void> {
    const { id, template, attempts } = mail
    const content: MailContent = JSON.parse(encryption.decrypt(mail.content))
    if (content.decoy) return
    const { to, locals, language } = content
    const brand = await brandOf(db, content.organizationId)
    const { file } = await transport.send(
      {
        ...renderMail({ issuer, brand, to, template, locals, language }),
        id,
        messageId: `<${id}@${hostOf(issuer)}>`,
        from,
        to,
        date: mail.createdAt,
      },
      AbortSignal.any([AbortSignal.timeout(times.leaseMs / 2), options.cutOff]),
    )
    if (!file) log.info({ mail: id, template, attempts }, 'mail sent')
    else log.info({ mail: id, template, file, ...linkForNewcomers(content) }, 'mail written to a file: no SMTP_URL')
  }

  function linkForNewcomers({ locals }: MailContent): { link?: string } {
    return options.production || !('linkPath' in locals) ? {} : { link: issuer + locals.linkPath }
  }

  async function recordFailure(mail: ClaimedMail, error: unknown): Promise<void> {
    const { id, template, attempts, ageMs } = mail
    const { description, permanent } = describeFailure(error)
    // An error without a code is none of the transport's but a mistake of ours, or a key that this node lacks.
    const bug = error instanceof Error && !('code' in error) ? { err: error } : {}
    const reason = { mail: id, template, attempts, error: description, ...bug }
    if (permanent || ageMs > times.giveUpAfterMs) {
      log.error(reason, permanent ? 'mail refused: it is not tried again' : 'mail given up: too many failures')
      return recordGivenUp(db, mail, description)
    }
    const delayMs = retryDelayMs(attempts, times)
    log.warn({ ...reason, retryInSeconds: Math.round(delayMs / 1000) }, 'mail not sent: it is tried again')
    return recordRetry(db, mail, { delayMs, lastError: description })
  }

  return {
    /** Never rejects: what cannot even be recorded is left to the end of its lease. */
    async mail(mail: ClaimedMail): Promise<void> {
      try {
        const failure = await send(mail).then(
          () => undefined,
          (error: unknown) => ({ error }),
        )
        if (failure) await recordFailure(mail, failure.error)
        else await recordDelivery(db, mail)
      } catch (error) {
        log.error({ err: error, mail: mail.id }, 'the outcome of a mail cannot be recorded')
      }
    },
    close: () => transport.close(),
  }
}

/** Doubles with each failure up to a bound; the jitter keeps mails that failed together from returning together. */
export function retryDelayMs(
  attempts: number,
  { firstRetryMs, longestRetryMs }: Pick<DeliveryTimes, 'firstRetryMs' | 'longestRetryMs'>,
): number {
  return Math.min(longestRetryMs, firstRetryMs * 2 ** (attempts - 1)) * (0.5 + 0.5 * Math.random())
}

/** The organization's look and language as they are when the mail leaves; Gatehouse's own once it is gone. */
async function brandOf(db: Queryable, organizationId: string | undefined): Promise<Brand> {
  const organization =
    organizationId === undefined
      ? undefined
      : await db
          .selectFrom('organizations')
          .select(['name', 'accentColor', 'defaultLocale'])
          .where('id', '=', organizationId)
          .executeTakeFirst()
  if (!organization) return gatehouseBrand
  const { name, accentColor, defaultLocale } = organization
  return { name, accentColor: accentColor ?? undefined, language: languageOf(defaultLocale) }
}
