import { z } from 'zod'
import { emailAddress } from '#foundation/values/email-address.ts'
import { displayName, organizationSlug } from '#foundation/values/names.ts'

/**
 * Path and query of a page of ours. Mails are given paths, never URLs, so that no Host header and no caller can bring
 * a foreign address into a link: the issuer is put before it when the mail is rendered.
 */
const linkPath = z.string().regex(/^\/(?!\/)[\w\-.~/?=&%]*$/, 'must be a path of ours')

/** ISO 8601, because locals wait in the outbox as JSON. */
const time = z.iso.datetime()

/** Shown as text: names are longer in no table of ours. */
const name = displayName

/**
 * Every mail there is: its subject and what its view is given. Subjects say nothing that a user has chosen, so a name
 * can neither inject a header nor lend ours to somebody's advertisement.
 */
export const mailTemplates = {
  /** The answer to "I forgot my organization's name". */
  'organizations-list': {
    subject: 'Your organizations',
    locals: z.strictObject({ organizations: z.array(z.strictObject({ name, slug: organizationSlug })).min(1) }),
  },
  'verify-email': { subject: 'Confirm your e-mail address', locals: z.strictObject({ linkPath }) },
  /** To whoever signs up with an address that has an account. */
  'account-exists': { subject: 'You have an account already', locals: z.strictObject({}) },
  'reset-password': { subject: 'Choose a new password', locals: z.strictObject({ linkPath }) },
  /** To the new address. */
  'change-email': { subject: 'Confirm your new e-mail address', locals: z.strictObject({ linkPath }) },
  /** To the old address. */
  'email-changed': {
    subject: 'Your e-mail address was changed',
    locals: z.strictObject({ newEmail: emailAddress, changedAt: time }),
  },
  invitation: {
    subject: 'You are invited to an organization',
    locals: z.strictObject({ linkPath, organizationName: name, invitedBy: name }),
  },
  /** To the owner of an account that somebody wants to open through a connection. */
  'prove-account': {
    subject: 'Link a way to sign in',
    locals: z.strictObject({ linkPath, connectionLabel: name }),
  },
  'password-changed': { subject: 'Your password was changed', locals: z.strictObject({ changedAt: time }) },
  'api-key-created-for-you': {
    subject: 'An API key was created for you',
    locals: z.strictObject({
      keyName: name,
      keyHint: z.string().max(60),
      organizationName: name,
      createdBy: name,
      expiresAt: time,
    }),
  },
  'api-key-revoked': {
    subject: 'Your API key was revoked',
    locals: z.strictObject({ keyName: name, keyHint: z.string().max(60), organizationName: name, revokedBy: name }),
  },
  /** Whoever found it has presented it. */
  'api-key-leaked': {
    subject: 'Your API key was found and revoked',
    locals: z.strictObject({ keyName: name, keyHint: z.string().max(60), organizationName: name }),
  },
  'api-key-expiring': {
    subject: 'Your API key expires soon',
    locals: z.strictObject({ keyName: name, keyHint: z.string().max(60), organizationName: name, expiresAt: time }),
  },
} as const satisfies Record<string, { subject: string; locals: z.ZodType }>

export type MailTemplate = keyof typeof mailTemplates
export type MailLocals<T extends MailTemplate = MailTemplate> = z.infer<(typeof mailTemplates)[T]['locals']>

/** A mail to one address. */
export type Mail = {
  [T in MailTemplate]: {
    to: string
    template: T
    locals: MailLocals<T>
    /** Whose look it has; without one, Gatehouse's own. */
    organizationId?: string | undefined
    /**
     * Nobody has this address: the mail takes the same way as any other, so that asking costs the same time, and is
     * dropped where it would be sent.
     */
    decoy?: boolean
  }
}[MailTemplate]

/** What the outbox keeps, encrypted. */
export type MailContent = Omit<Mail, 'template'>
