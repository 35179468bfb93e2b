import { z } from 'zod'
import { deviceText } from '#foundation/messages/device-text.ts'
import type { Language } from '#foundation/messages/languages.ts'
import { type Message, message, type Text } from '#foundation/messages/message.ts'
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

const asking = z.strictObject({
  at: time,
  /** As far as the network tells. */
  place: name.optional(),
  /** `Firefox on Linux` */
  device: name.optional(),
})

/** Who set a flow in motion that ends in a mail, so that its reader can tell whether that was themselves. */
export type Asking = z.infer<typeof asking>

const key = { keyName: name, keyHint: z.string().max(60), organizationName: name }
const onceWithinAnHour = message('mails.once_an_hour')
const toApiKeys = { label: message('mails.to_api_keys'), path: '/account/api-keys' }

/**
 * Every mail there is: its subject, what it is given, and what it says. Subjects say nothing that a user has chosen, so
 * a name can neither inject a header nor lend ours to an advertisement.
 */
export const mailTemplates = {
  /** The answer to "I forgot my organization's name". */
  'organizations-list': mail({
    subject: message('mails.organizations_list.subject'),
    onRequest: true,
    locals: z.strictObject({ organizations: z.array(z.strictObject({ name, slug: organizationSlug })).min(1) }),
    says: ({ organizations }) => ({
      paragraphs: [message('mails.organizations_list.says', { count: organizations.length })],
      places: organizations.map(({ name, slug }) => ({ name, path: `/o/${slug}` })),
      reason: message('mails.organizations_list.reason'),
    }),
  }),
  'verify-email': mail({
    subject: message('mails.verify_email.subject'),
    onRequest: true,
    locals: z.strictObject({ linkPath, asked: asking.optional() }),
    says: ({ linkPath, asked }) => ({
      paragraphs: [message('mails.verify_email.says')],
      facts: factsOfAsking(asked),
      button: { label: message('mails.verify_email.button'), path: linkPath, note: onceWithinAnHour },
      reason: message('mails.verify_email.reason'),
    }),
  }),
  /** The answer to signing up with an address that has an account. */
  'account-exists': mail({
    subject: message('mails.account_exists.subject'),
    onRequest: true,
    locals: z.strictObject({ asked: asking.optional() }),
    says: ({ asked }) => ({
      paragraphs: [message('mails.account_exists.says')],
      facts: factsOfAsking(asked),
      button: { label: message('page-kit.sign_in'), path: '/account' },
      otherwise: {
        lead: message('mails.account_exists.forgot'),
        label: message('mails.account_exists.choose'),
        path: '/reset-password',
      },
      reason: message('mails.account_exists.reason'),
    }),
  }),
  'reset-password': mail({
    subject: message('mails.reset_password.subject'),
    onRequest: true,
    locals: z.strictObject({
      linkPath,
      asked: asking.optional(),
      /** Names of what else opens the account, which the page of the link offers to end. */
      alsoOpening: z.array(name).max(50).optional(),
      /** Who asks for it, where it is not the person. */
      by: name.optional(),
    }),
    says: ({ linkPath, asked, alsoOpening = [], by }) => ({
      paragraphs: [
        by === undefined ? message('mails.reset_password.says') : message('mails.reset_password.says_by', { name: by }),
        ...(alsoOpening.length > 0 ? [message('mails.reset_password.also', { names: alsoOpening })] : []),
      ],
      facts: factsOfAsking(asked),
      button: { label: message('mails.reset_password.subject'), path: linkPath, note: onceWithinAnHour },
      reason: message(by === undefined ? 'mails.reset_password.reason' : 'mails.reset_password.reason_by'),
    }),
  }),
  /** To the new address. */
  'change-email': mail({
    subject: message('mails.change_email.subject'),
    onRequest: true,
    locals: z.strictObject({ linkPath, asked: asking.optional() }),
    says: ({ linkPath, asked }) => ({
      paragraphs: [message('mails.change_email.says')],
      facts: factsOfAsking(asked),
      button: { label: message('mails.change_email.button'), path: linkPath, note: onceWithinAnHour },
      reason: message('mails.change_email.reason'),
    }),
  }),
  /** To the old address. */
  'email-changed': mail({
    subject: message('mails.email_changed.subject'),
    locals: z.strictObject({ newEmail: emailAddress, changedAt: time }),
    says: ({ newEmail, changedAt }) => ({
      paragraphs: [message('mails.email_changed.says')],
      facts: [
        { label: message('mails.email_changed.new_address'), value: newEmail },
        { label: message('mails.changed'), value: utc(changedAt) },
      ],
      reason: message('mails.email_changed.reason'),
    }),
  }),
  invitation: mail({
    subject: message('mails.invitation.subject'),
    onRequest: true,
    locals: z.strictObject({ linkPath, organizationName: name, invitedBy: name }),
    says: ({ linkPath, organizationName, invitedBy }) => ({
      paragraphs: [message('mails.invitation.says', { invitedBy, organization: organizationName })],
      button: {
        label: message('mails.invitation.button'),
        path: linkPath,
        note: message('mails.invitation.note'),
      },
      reason: message('mails.invitation.reason'),
    }),
  }),
  /** To the owner of an account that a sign-in through a connection asks to be linked to. */
  'link-account': mail({
    subject: message('mails.link_account.subject'),
    onRequest: true,
    locals: z.strictObject({
      linkPath,
      connectionLabel: name,
      /** Who has signed in there. */
      upstreamPerson: z.string().max(800).optional(),
      asked: asking.optional(),
    }),
    says: ({ linkPath, connectionLabel, upstreamPerson, asked }) => ({
      paragraphs: [whoAsks('link_account', connectionLabel, upstreamPerson)],
      facts: factsOfAsking(asked),
      button: {
        label: message('mails.link_account.button'),
        path: linkPath,
        note: message('mails.link_account.note'),
      },
      reason: message('mails.link_account.reason'),
    }),
  }),
  /** To an address without an account, which a sign-in through a connection asks to be linked to. */
  'no-account': mail({
    subject: message('mails.no_account.subject'),
    locals: z.strictObject({
      connectionLabel: name,
      upstreamPerson: z.string().max(800).optional(),
      asked: asking.optional(),
    }),
    says: ({ connectionLabel, upstreamPerson, asked }) => ({
      paragraphs: [whoAsks('no_account', connectionLabel, upstreamPerson), message('mails.no_account.what_to_do')],
      facts: factsOfAsking(asked),
      reason: message('mails.no_account.reason'),
    }),
  }),
  'password-changed': mail({
    subject: message('mails.password_changed.subject'),
    locals: z.strictObject({ changedAt: time }),
    says: ({ changedAt }) => ({
      paragraphs: [message('mails.password_changed.says')],
      facts: [{ label: message('mails.changed'), value: utc(changedAt) }],
      reason: message('mails.password_changed.reason'),
    }),
  }),
  'api-key-created-for-you': mail({
    subject: message('mails.api_key_created.subject'),
    locals: z.strictObject({ ...key, createdBy: name, expiresAt: time }),
    says: ({ createdBy, expiresAt, ...key }) => ({
      paragraphs: [message('mails.api_key_created.says', { name: createdBy })],
      facts: [...factsOfKey(key), { label: message('mails.expires'), value: utc(expiresAt) }],
      button: toApiKeys,
      reason: message('mails.api_key_created.reason'),
    }),
  }),
  'api-key-revoked': mail({
    subject: message('mails.api_key_revoked.subject'),
    locals: z.strictObject({ ...key, revokedBy: name }),
    says: ({ revokedBy, ...key }) => ({
      paragraphs: [message('mails.api_key_revoked.says', { name: revokedBy })],
      facts: factsOfKey(key),
      button: toApiKeys,
      reason: message('mails.api_key_revoked.reason'),
    }),
  }),
  /** After its finder has presented it. */
  'api-key-leaked': mail({
    subject: message('mails.api_key_leaked.subject'),
    locals: z.strictObject(key),
    says: (key) => ({
      paragraphs: [message('mails.api_key_leaked.says'), message('mails.api_key_leaked.what_to_do')],
      facts: factsOfKey(key),
      button: toApiKeys,
      reason: message('mails.api_key_leaked.reason'),
    }),
  }),
  'api-key-expiring': mail({
    subject: message('mails.api_key_expiring.subject'),
    locals: z.strictObject({ ...key, expiresAt: time }),
    says: ({ expiresAt, ...key }) => ({
      paragraphs: [message('mails.api_key_expiring.says')],
      facts: [...factsOfKey(key), { label: message('mails.expires'), value: utc(expiresAt) }],
      button: toApiKeys,
      reason: message('mails.api_key_expiring.reason'),
    }),
  }),
}

/** What a mail says, for its two layouts: every text is plain, every link a path of ours. */
export interface MailBody {
  paragraphs: readonly Text[]
  facts?: readonly Fact[]
  /** Each with its link. */
  places?: readonly { name: string; path: string }[]
  /** What to do next. `note`: what to know about the link, whose address is then repeated for copying. */
  button?: { label: Text; path: string; note?: Text }
  /** The other thing that its reader may want. */
  otherwise?: { lead: Text; label: Text; path: string }
  /** Why the mail came, and what to do if that was not the reader's doing. */
  reason: Text
}

interface Fact {
  label: Text
  value: Text
  monospace?: boolean
}

interface MailDefinition<Locals extends z.ZodType> {
  subject: Message
  /** A stranger may ask for it, knowing no more than the address. Others tell an owner what has been done. */
  onRequest?: true
  locals: Locals
  says: (locals: z.infer<Locals>) => MailBody
}

/** Lets TypeScript infer what `says` is given from `locals`. */
function mail<Locals extends z.ZodType>(definition: MailDefinition<Locals>): MailDefinition<Locals> {
  return definition
}

function factsOfKey(key: { keyName: string; keyHint: string; organizationName: string }): Fact[] {
  return [
    { label: message('mails.key'), value: key.keyName },
    { label: message('mails.hint'), value: key.keyHint, monospace: true },
    { label: message('mails.organization'), value: key.organizationName },
  ]
}

/** What a mail, and the page of its link, say of who asked. */
export function factsOfAsking(asked: Asking | undefined): Fact[] {
  if (!asked) return []
  return [
    { label: message('mails.asked'), value: utc(asked.at) },
    ...(asked.place ? [{ label: message('mails.from'), value: asked.place }] : []),
    ...(asked.device ? [{ label: message('mails.with'), value: deviceText(asked.device) }] : []),
  ]
}

/** @param person who has signed in at the provider, as far as that is told */
function whoAsks(flow: 'link_account' | 'no_account', provider: string, person: string | undefined): Message {
  return person ? message(`mails.${flow}.says_as`, { provider, person }) : message(`mails.${flow}.says`, { provider })
}

/** @param iso ISO 8601 */
function utc(iso: string): Message {
  return message('page-kit.utc', { at: new Date(iso) })
}

export type MailTemplate = keyof typeof mailTemplates

export type MailLocals<T extends MailTemplate = MailTemplate> = z.infer<(typeof mailTemplates)[T]['locals']>

/** The mails that a stranger may ask for: of these together an address gets only so many. */
export const templatesOnRequest = (Object.keys(mailTemplates) as MailTemplate[]).filter(
  (template) => mailTemplates[template].onRequest,
)

/** A mail to one address. */
export type Mail = {
  [T in MailTemplate]: {
    to: string
    template: T
    locals: MailLocals<T>
    /** Whose look it has; without one, Gatehouse's own. */
    organizationId?: string | undefined
    /** In which it is written; without one, in the organization's own. */
    language?: Language | undefined
    /**
     * No user has this address: the mail takes the same way as any other, so that asking costs the same time, and is
     * dropped where it would be sent.
     */
    decoy?: boolean
  }
}[MailTemplate]

/** What the outbox keeps, encrypted. */
export type MailContent = Omit<Mail, 'template'>
