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
const onceWithinAnHour = 'This link works once, for one hour.'
const toApiKeys = { label: 'See your API keys', path: '/account/api-keys' }

/**
 * Every mail there is: its subject, what it is given, and what it says. Subjects say nothing that a user has chosen, so
 * a name can neither inject a header nor lend ours to an advertisement.
 */
export const mailTemplates = {
  /** The answer to "I forgot my organization's name". */
  'organizations-list': mail({
    subject: 'Your organizations',
    onRequest: true,
    locals: z.strictObject({ organizations: z.array(z.strictObject({ name, slug: organizationSlug })).min(1) }),
    says: ({ organizations }) => ({
      paragraphs: [
        `You can sign in to ${organizations.length === 1 ? 'this organization' : 'these organizations'} with this address.`,
      ],
      places: organizations.map(({ name, slug }) => ({ name, path: `/o/${slug}` })),
      reason:
        'You get this mail because your address was entered to find the names of your organizations. ' +
        'If that was not you, there is nothing to do: only you see this list.',
    }),
  }),
  'verify-email': mail({
    subject: 'Confirm your e-mail address',
    onRequest: true,
    locals: z.strictObject({ linkPath, asked: asking.optional() }),
    says: ({ linkPath, asked }) => ({
      paragraphs: ['Confirm that this address is yours, so that you can sign in with it.'],
      facts: factsOfAsking(asked),
      button: { label: 'Confirm address', path: linkPath, note: onceWithinAnHour },
      reason:
        'You get this mail because your address was entered when signing up. ' +
        'If that was not you, ignore it: without the link nothing happens.',
    }),
  }),
  /** The answer to signing up with an address that has an account. */
  'account-exists': mail({
    subject: 'You have an account already',
    onRequest: true,
    locals: z.strictObject({ asked: asking.optional() }),
    says: ({ asked }) => ({
      paragraphs: ['You can sign in with this address.'],
      facts: factsOfAsking(asked),
      button: { label: 'Sign in', path: '/account' },
      otherwise: { lead: 'If you forgot your password,', label: 'choose a new one', path: '/reset-password' },
      reason:
        'You get this mail because your address was entered when signing up. ' +
        'If that was not you, ignore it: nothing has changed.',
    }),
  }),
  'reset-password': mail({
    subject: 'Choose a new password',
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
        by === undefined
          ? 'You asked for a new password. Choosing one signs you out everywhere else.'
          : `“${by}” asks you to choose a new password. Choosing one signs you out everywhere else.`,
        ...(alsoOpening.length > 0
          ? [`You are also asked whether to end what opens your account besides it: ${listed(alsoOpening)}.`]
          : []),
      ],
      facts: factsOfAsking(asked),
      button: { label: 'Choose a new password', path: linkPath, note: onceWithinAnHour },
      reason:
        by === undefined
          ? 'You get this mail because your address was entered under “Forgot your password?”. ' +
            'If that was not you, ignore it: your password stays as it is.'
          : 'You get this mail because an administrator sent it. Until you follow it, your password stays as it is.',
    }),
  }),
  /** To the new address. */
  'change-email': mail({
    subject: 'Confirm your new e-mail address',
    onRequest: true,
    locals: z.strictObject({ linkPath, asked: asking.optional() }),
    says: ({ linkPath, asked }) => ({
      paragraphs: [
        'You asked to sign in with this address from now on. Confirm that it is yours; until then your old address stays.',
      ],
      facts: factsOfAsking(asked),
      button: { label: 'Use this address', path: linkPath, note: onceWithinAnHour },
      reason:
        'You get this mail because your address was entered as the new one of an account. ' +
        'If that was not you, ignore it: without the link nothing changes.',
    }),
  }),
  /** To the old address. */
  'email-changed': mail({
    subject: 'Your e-mail address was changed',
    locals: z.strictObject({ newEmail: emailAddress, changedAt: time }),
    says: ({ newEmail, changedAt }) => ({
      paragraphs: ['You now sign in with your new address; this one no longer works.'],
      facts: [
        { label: 'New address', value: newEmail },
        { label: 'Changed', value: utc(changedAt) },
      ],
      reason:
        'You get this mail so that your address is never changed unnoticed. If that was not you, ' +
        'another person may be using your account: tell an administrator of your organization now.',
    }),
  }),
  invitation: mail({
    subject: 'You are invited to an organization',
    onRequest: true,
    locals: z.strictObject({ linkPath, organizationName: name, invitedBy: name }),
    says: ({ linkPath, organizationName, invitedBy }) => ({
      paragraphs: [`“${invitedBy}” invites you to join “${organizationName}”.`],
      button: { label: 'See the invitation', path: linkPath, note: 'This link works once, within seven days.' },
      reason:
        'You get this mail because your address was entered for the invitation. ' +
        'If you do not know who sent it, ignore it: you join only if you accept.',
    }),
  }),
  /** To the owner of an account that a sign-in through a connection asks to be linked to. */
  'link-account': mail({
    subject: 'Link a way to sign in',
    onRequest: true,
    locals: z.strictObject({
      linkPath,
      connectionLabel: name,
      /** Who has signed in there. */
      upstreamPerson: z.string().max(800).optional(),
      asked: asking.optional(),
    }),
    says: ({ linkPath, connectionLabel, upstreamPerson, asked }) => ({
      paragraphs: [
        `A sign-in with “${connectionLabel}”${upstreamPerson ? ` as “${upstreamPerson}”` : ''} asks to be linked to your account. If that is you, go on in the same browser.`,
      ],
      facts: factsOfAsking(asked),
      button: {
        label: 'Link and sign in',
        path: linkPath,
        note: 'It works once, for ten minutes, in the browser in which you are signing in.',
      },
      reason:
        'You get this mail because the account has your address. ' +
        'If you are not signing in, ignore it: without the link nothing happens.',
    }),
  }),
  /** To an address without an account, which a sign-in through a connection asks to be linked to. */
  'no-account': mail({
    subject: 'There is no account with your address',
    locals: z.strictObject({
      connectionLabel: name,
      upstreamPerson: z.string().max(800).optional(),
      asked: asking.optional(),
    }),
    says: ({ connectionLabel, upstreamPerson, asked }) => ({
      paragraphs: [
        `A sign-in with “${connectionLabel}”${upstreamPerson ? ` as “${upstreamPerson}”` : ''} asks for the account of this address, and there is none.`,
        'If that is you, ask an administrator of your organization to invite you, or sign in with the address that your account has.',
      ],
      facts: factsOfAsking(asked),
      reason: 'You get this mail because your address was told at that sign-in. If you are not signing in, ignore it.',
    }),
  }),
  'password-changed': mail({
    subject: 'Your password was changed',
    locals: z.strictObject({ changedAt: time }),
    says: ({ changedAt }) => ({
      paragraphs: ['You were signed out everywhere else.'],
      facts: [{ label: 'Changed', value: utc(changedAt) }],
      reason:
        'You get this mail so that your password is never changed unnoticed. If that was not you, choose a new one with ' +
        '“Forgot your password?” on the sign-in page, and tell an administrator of your organization.',
    }),
  }),
  'api-key-created-for-you': mail({
    subject: 'An API key was created for you',
    locals: z.strictObject({ ...key, createdBy: name, expiresAt: time }),
    says: ({ createdBy, expiresAt, ...key }) => ({
      paragraphs: [
        `“${createdBy}” created an API key that acts in your name. Only they were shown it; it is not in this mail.`,
      ],
      facts: [...factsOfKey(key), { label: 'Expires', value: utc(expiresAt) }],
      button: toApiKeys,
      reason:
        'You get this mail because requests made with the key count as yours. ' +
        'If you did not expect it, revoke it, and ask an administrator of your organization.',
    }),
  }),
  'api-key-revoked': mail({
    subject: 'Your API key was revoked',
    locals: z.strictObject({ ...key, revokedBy: name }),
    says: ({ revokedBy, ...key }) => ({
      paragraphs: [`“${revokedBy}” revoked your API key. Requests made with it are refused from now on.`],
      facts: factsOfKey(key),
      button: toApiKeys,
      reason: 'You get this mail because the key is yours. If you still need it, ask an administrator.',
    }),
  }),
  /** After its finder has presented it. */
  'api-key-leaked': mail({
    subject: 'Your API key was found and revoked',
    locals: z.strictObject(key),
    says: (key) => ({
      paragraphs: [
        'Your API key was found where it should not be, and reported. It was revoked at once: requests made with it are refused, and it can’t be re-activated.',
        'Make a new key for what used it, and look in your authentication log for uses that were not yours.',
      ],
      facts: factsOfKey(key),
      button: toApiKeys,
      reason: 'You get this mail because the key is yours.',
    }),
  }),
  'api-key-expiring': mail({
    subject: 'Your API key expires soon',
    locals: z.strictObject({ ...key, expiresAt: time }),
    says: ({ expiresAt, ...key }) => ({
      paragraphs: [
        'Requests made with this key are refused once it has expired. If you still need one, create a new key before then.',
      ],
      facts: [...factsOfKey(key), { label: 'Expires', value: utc(expiresAt) }],
      button: toApiKeys,
      reason: 'You get this mail because the key is yours. If you no longer need it, there is nothing to do.',
    }),
  }),
}

/** What a mail says, for its two layouts: every text is plain, every link a path of ours. */
export interface MailBody {
  paragraphs: readonly string[]
  facts?: readonly Fact[]
  /** Each with its link. */
  places?: readonly { name: string; path: string }[]
  /** What to do next. `note`: what to know about the link, whose address is then repeated for copying. */
  button?: { label: string; path: string; note?: string }
  /** The other thing that its reader may want. */
  otherwise?: { lead: string; label: string; path: string }
  /** Why the mail came, and what to do if that was not the reader's doing. */
  reason: string
}

interface Fact {
  label: string
  value: string
  monospace?: boolean
}

interface MailDefinition<Locals extends z.ZodType> {
  subject: string
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
    { label: 'Key', value: key.keyName },
    { label: 'Hint', value: key.keyHint, monospace: true },
    { label: 'Organization', value: key.organizationName },
  ]
}

/** What a mail, and the page of its link, say of who asked. */
export function factsOfAsking(asked: Asking | undefined): Fact[] {
  if (!asked) return []
  return [
    { label: 'Asked', value: utc(asked.at) },
    ...(asked.place ? [{ label: 'From', value: asked.place }] : []),
    ...(asked.device ? [{ label: 'With', value: asked.device }] : []),
  ]
}

/** `a`, `a and b`, `a, b and c` */
function listed(names: readonly string[]): string {
  return new Intl.ListFormat('en-GB').format(names)
}

const times = new Intl.DateTimeFormat('en-GB', { dateStyle: 'long', timeStyle: 'short', timeZone: 'UTC' })

/** `4 March 2027, 14:05 UTC` @param iso ISO 8601 */
function utc(iso: string): string {
  return `${times.format(new Date(iso)).replace(' at ', ', ')} UTC`
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
    /**
     * No user has this address: the mail takes the same way as any other, so that asking costs the same time, and is
     * dropped where it would be sent.
     */
    decoy?: boolean
  }
}[MailTemplate]

/** What the outbox keeps, encrypted. */
export type MailContent = Omit<Mail, 'template'>
