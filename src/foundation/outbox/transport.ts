import { mkdir, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import nodemailer from 'nodemailer'
import type { RenderedMail } from './render-mail.ts'
import type { Sender } from './sender.ts'

/** A mail as it goes out; the same each time that it has to be sent again. */
export interface OutgoingMail extends RenderedMail {
  id: string
  messageId: string
  from: Sender
  to: string
  date: Date
}

export interface Transport {
  /** @returns the file that it was written to, where there is no mail server */
  send(mail: OutgoingMail, signal: AbortSignal): Promise<{ file?: string }>
  close(): void
}

/** How a delivery failed. `description` holds no address and nothing that the mail says. */
export interface SendFailure {
  description: string
  /** The server refuses this mail, and would again. */
  permanent: boolean
}

/** Connections to the mail server, and so mails under way at once. */
export const mostConnections = 5

const connectMs = 10_000
const silenceMs = 30_000

/** Delivers through the server at `SMTP_URL`: TLS at once (`smtps:`) or where the server offers it (`smtp:`). */
export function smtpTransport(smtpUrl: string): Transport {
  const transporter = nodemailer.createTransport({ pool: true, ...smtpOptions(smtpUrl) })
  return {
    async send(mail, signal) {
      await transporter.sendMail({ ...messageOf(mail), signal })
      return {}
    },
    close: () => transporter.close(),
  }
}

/** Connects to the server and, where `SMTP_URL` has a user, signs in; no mail is sent. @throws as sending does */
export async function tryMailServer(smtpUrl: string): Promise<void> {
  const transporter = nodemailer.createTransport(smtpOptions(smtpUrl))
  try {
    await transporter.verify()
  } finally {
    transporter.close()
  }
}

function smtpOptions(smtpUrl: string) {
  return {
    url: withoutDebugging(smtpUrl),
    maxConnections: mostConnections,
    // A connection that breaks may have delivered the mail: whether to try again is decided in one place, the outbox.
    maxRequeues: 0,
    idleTimeout: 20_000,
    connectionTimeout: connectMs,
    greetingTimeout: connectMs,
    dnsTimeout: connectMs,
    socketTimeout: silenceMs,
    disableFileAccess: true,
    disableUrlAccess: true,
  }
}

/** Writes `<id>.eml` files for a deployment without a mail server. A mail that is sent again replaces its file. */
export function directoryTransport(directory: string): Transport {
  const composer = nodemailer.createTransport({ streamTransport: true, buffer: true, newline: 'windows' })
  return {
    async send(mail) {
      const { message } = await composer.sendMail({
        ...messageOf(mail),
        text: unencoded('text/plain', mail.text),
        html: unencoded('text/html', mail.html),
      })
      const file = join(directory, `${mail.id}.eml`)
      await mkdir(directory, { recursive: true, mode: 0o700 })
      await writeFile(`${file}.part`, message, { mode: 0o600 })
      await rename(`${file}.part`, file)
      return { file }
    },
    close() {},
  }
}

/** What an error of nodemailer says that may be kept: servers repeat addresses, and sometimes mails, in their texts. */
export function describeFailure(error: unknown): SendFailure {
  const { code, originalCode, responseCode, command } = error as Record<string, unknown>
  const known = [code, originalCode, responseCode, command].filter(isCode)
  return { description: known.join(' ') || 'the mail could not be made', permanent: isPermanent(error) }
}

/**
 * Only a refusal of this recipient or this text ends a mail. Refused sign-ins and senders are the operator's to mend,
 * and 503 says that the conversation went wrong, not the mail.
 */
function isPermanent(error: unknown): boolean {
  const { responseCode, command } = error as { responseCode?: number; command?: string }
  if (!responseCode || responseCode < 500 || responseCode > 599) return false
  const operatorsToMend = [503, 530, 534, 535, 538]
  return (command === 'RCPT TO' || command === 'DATA') && !operatorsToMend.includes(responseCode)
}

function isCode(value: unknown): boolean {
  return typeof value === 'number' || (typeof value === 'string' && /^[A-Z][A-Z0-9_]*( [A-Z0-9-]+)?$/.test(value))
}

function messageOf({ from, to, subject, text, html, messageId, date }: OutgoingMail) {
  return {
    from,
    // As an object it is taken as one address, and not read for lists and groups.
    to: { name: '', address: to },
    envelope: { from: from.address, to: [to] },
    subject,
    text,
    html,
    messageId,
    date,
    xMailer: false as const,
    // RFC 3834: no holiday replies, please.
    headers: { 'Auto-Submitted': 'auto-generated', 'X-Auto-Response-Suppress': 'All' },
  }
}

/** A part as it is, for files: a link can be copied from it, which quoted-printable would have broken in two. */
function unencoded(type: string, content: string): { raw: string } {
  return { raw: `Content-Type: ${type}; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n${content}` }
}

/** nodemailer takes options from the URL's query, these among them: they would print mails with their links. */
function withoutDebugging(smtpUrl: string): string {
  const url = new URL(smtpUrl)
  for (const name of ['logger', 'debug', 'transactionLog']) url.searchParams.delete(name)
  return url.href
}
