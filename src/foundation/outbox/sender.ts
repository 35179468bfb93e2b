import { isIP } from 'node:net'
import { z } from 'zod'
import { emailAddress } from '#foundation/values/email-address.ts'

/** Whom mails come from. */
export interface Sender {
  name: string
  address: string
}

/** `MAIL_FROM`: `id@example.com`, or `Example <id@example.com>`. */
export const mailFrom = z
  .string()
  .refine((text) => parse(text), { error: 'must be an address such as id@example.com or Example <id@example.com>' })

/**
 * @param text `MAIL_FROM`; without it, no-reply at the issuer's host
 * @throws when `text` is not an address
 */
export function senderFrom(text: string | undefined, issuer: string): Sender {
  const sender = text === undefined ? { name: 'Gatehouse', address: `no-reply@${hostOf(issuer)}` } : parse(text)
  if (!sender) throw new Error('MAIL_FROM: must be an address such as id@example.com or Example <id@example.com>')
  return sender
}

/** The part behind the @ of addresses and message ids: the issuer's host, unless it is a bare IP address. */
export function hostOf(issuer: string): string {
  const { hostname } = new URL(issuer)
  return isIP(hostname.replace(/^\[|\]$/g, '')) ? 'localhost' : hostname
}

function parse(text: string): Sender | undefined {
  const [, quotedName, plainName, bracketed] =
    /^ *(?:"([^"\p{C}]*)"|([^"<>@,;:\p{C}]*?)) *<([^<>]*)> *$/u.exec(text) ?? []
  const address = emailAddress.safeParse(bracketed ?? text)
  return address.success ? { name: (quotedName ?? plainName ?? '').trim(), address: address.data } : undefined
}
