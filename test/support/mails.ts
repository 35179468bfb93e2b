import { sql } from 'kysely'
import { expect } from 'vitest'
import { encryptionWith } from '#foundation/crypto/encryption.ts'
import { sha256 } from '#foundation/crypto/sha256.ts'
import type { MailContent, MailTemplate } from '#foundation/outbox/mail.ts'
import { Browser } from './browser.ts'
import type { DatabaseKind } from './databases.ts'
import { freePort } from './free-port.ts'
import { type Gatehouse, startGatehouse } from './gatehouse.ts'

export interface WaitingMail {
  template: MailTemplate
  /** Path and query of its link. */
  link: string | undefined
  /** Dropped where it would be sent. */
  decoy: boolean
  content: MailContent
}

/** A server whose mails wait: nothing listens at its mail server's port, so the outbox can be read at leisure. */
export async function startWithWaitingMails(database: DatabaseKind | undefined, signUp: 'open' | 'closed' = 'open') {
  return startGatehouse({ database, config: { signUp, smtpUrl: `smtp://127.0.0.1:${await freePort()}` } })
}

/** What the outbox holds for an address, oldest first, decoys included. */
export async function mailsTo(gatehouse: Gatehouse, email: string): Promise<WaitingMail[]> {
  const encryption = encryptionWith(gatehouse.config.encryptionKeys)
  const rows = await gatehouse.database.db
    .selectFrom('mailOutbox')
    .select(['template', 'content'])
    .where('recipientHash', '=', sha256(email.toLowerCase()))
    .where('content', 'is not', null)
    .orderBy('createdAt')
    .execute()
  return rows.map(({ template, content: sealed }) => {
    const content: MailContent = JSON.parse(encryption.decrypt(sealed!))
    const link = 'linkPath' in content.locals ? String(content.locals.linkPath) : undefined
    return { template: template as MailTemplate, link, decoy: content.decoy === true, content }
  })
}

/** The link of the latest mail to an address. */
export async function latestLink(gatehouse: Gatehouse, email: string, template: MailTemplate): Promise<string> {
  const mail = (await mailsTo(gatehouse, email)).filter((one) => !one.decoy && one.template === template).at(-1)
  expect([email, template, mail?.link]).toEqual([email, template, expect.stringMatching(/\?token=[\w-]{43}$/)])
  return gatehouse.url + mail!.link
}

/** How many of an address's links are still good, whatever else their pages would look at. */
export async function liveLinks(gatehouse: Gatehouse, email: string): Promise<number> {
  const links = await gatehouse.database.db
    .selectFrom('mailLinks')
    .select('hash')
    .where(sql<string>`lower(email)`, '=', email)
    .where('usedAt', 'is', null)
    .execute()
  return links.length
}

export function tokenOf(link: string): string {
  return new URL(link).searchParams.get('token')!
}

/** Lets everything that was mailed so far expire. */
export async function letLinksExpire(gatehouse: Gatehouse): Promise<void> {
  await sql`update mail_links set expires_at = now() - interval '1 second'`.execute(gatehouse.database.db)
}

/** Fills in the form by which a page asks for an address. */
export async function askFor(gatehouse: Gatehouse, path: string, email: string, browser = new Browser()) {
  await browser.get(gatehouse.url + path)
  return browser.submit({ email })
}

/** Everything in every table, as text. */
export async function dumpTables(gatehouse: Gatehouse): Promise<string> {
  const { db } = gatehouse.database
  const tables = await sql<{
    name: string
  }>`select tablename as name from pg_tables where schemaname = 'public'`.execute(db)
  const dumps = await Promise.all(
    tables.rows.map(({ name }) => sql<{ row: string }>`select t::text as row from ${sql.table(name)} t`.execute(db)),
  )
  return dumps.flatMap(({ rows }) => rows.map(({ row }) => row)).join('\n')
}

export const deadLink = /That link has been used or has expired/
