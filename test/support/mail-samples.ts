import type { MailLocals, MailTemplate } from '#foundation/outbox/mail.ts'

export const token = 'q7Zk2VnX9bTtR4mYw8sLhE0cJdFgPpUaN1iOeKxMvB3'
const linkPath = `/link?token=${token}`
const at = '2027-03-04T14:05:00.000Z'
const key = { keyName: 'Nightly export', keyHint: 'gate_usr_…x3Qa', organizationName: 'Acme Corporation' }

/** Locals of every template. */
export const samples: { [T in MailTemplate]: MailLocals<T> } = {
  'organizations-list': {
    organizations: [
      { name: 'Acme Corporation', slug: 'acme' },
      { name: 'Globex', slug: 'globex' },
    ],
  },
  'verify-email': { linkPath },
  'account-exists': {},
  'reset-password': { linkPath },
  'change-email': { linkPath },
  'email-changed': { newEmail: 'ada.lovelace@acme.test', changedAt: at },
  invitation: { linkPath, organizationName: 'Acme Corporation', invitedBy: 'Ada Lovelace' },
  'link-account': { linkPath, connectionLabel: 'Okta', upstreamPerson: 'Ada Lovelace, 00u1a2b3' },
  'no-account': { connectionLabel: 'Okta', upstreamPerson: 'Ada Lovelace, 00u1a2b3' },
  'password-changed': { changedAt: at },
  'api-key-created-for-you': { ...key, createdBy: 'Grace Hopper', expiresAt: at },
  'api-key-revoked': { ...key, revokedBy: 'Grace Hopper' },
  'api-key-leaked': key,
  'api-key-expiring': { ...key, expiresAt: at },
}

export const templates = Object.keys(samples) as MailTemplate[]
