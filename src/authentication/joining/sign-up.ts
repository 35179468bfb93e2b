import { consumeMailLink, findMailLink, mailLinkPath, makeMailLink } from '#authentication/mail-links/mail-link.ts'
import type { PasswordOwner } from '#authentication/passwords/password-rules.ts'
import { hashNewPassword } from '#authentication/passwords/set-password.ts'
import { joinOrganization } from '#directory/organizations/join-organization.ts'
import { findOrganizationOfDomain } from '#directory/organizations/organization-queries.ts'
import { findUserByEmail } from '#directory/users/user-queries.ts'
import { newId } from '#foundation/crypto/ids.ts'
import { violates } from '#foundation/database/constraint.ts'
import type { Queryable } from '#foundation/database/database.ts'
import type { Organization, User } from '#foundation/database/schema.ts'
import type { Asking } from '#foundation/outbox/mail.ts'
import type { MailOutbox } from '#foundation/outbox/outbox.ts'
import { domainOf } from '#foundation/values/email-address.ts'
import { foundOwnOrganization } from './found-own-organization.ts'
import { insertVerifiedUser } from './register-user.ts'

/** Where the link leads. */
export const signUpDetailsPage = '/sign-up/details'

/**
 * Mails a link to whoever wants an account. Somebody who has one already is mailed that instead: whoever asks sees the
 * same answer after the same time, so nobody learns here who has an account.
 * @throws GatehouseError validation_failed when `email` is not one address
 */
export async function requestSignUp(
  { db, outbox }: { db: Queryable; outbox: MailOutbox },
  { email, asked }: { email: string; asked: Asking },
): Promise<void> {
  await db.transaction().execute(async (tx) => {
    const user = await findUserByEmail(tx, email)
    const token = await makeMailLink(tx, { purpose: 'sign_up', email, payload: { asked } })
    if (!token) return
    if (user) {
      const decoy = user.deactivatedAt !== null
      await outbox.enqueueMail(tx, { to: user.email, template: 'account-exists', locals: { asked }, decoy })
    } else {
      const locals = { linkPath: mailLinkPath(signUpDetailsPage, token), asked }
      await outbox.enqueueMail(tx, { to: email, template: 'verify-email', locals })
    }
  })
}

/** What a link for signing up leads to. */
export interface SignUp {
  email: string
  /** The organization that owns the address's domain: the person joins it. Without one they found their own. */
  organization: Organization | undefined
  asked: Asking | undefined
}

/** Undefined when the link does not work any more, or somebody has the address meanwhile. */
export async function findSignUp(db: Queryable, token: string): Promise<SignUp | undefined> {
  const link = await findMailLink(db, 'sign_up', token)
  if (!link || (await findUserByEmail(db, link.email))) return undefined
  const organization = await findOrganizationOfDomain(db, domainOf(link.email))
  return { email: link.email, organization, asked: link.payload.asked }
}

/** What the rules for a new password ask of whoever signs up. @param founding the name that the organization is to have */
export function ownerOf({ email, organization }: SignUp, founding: string | undefined): PasswordOwner {
  return { email, organizations: organization ? [organization.name, organization.slug] : [founding ?? ''] }
}

/**
 * Creates the account of whoever holds the link, and in the same transaction either their place in the organization that
 * owns the address's domain, where they get no grant, or an organization of their own.
 * @param details.organizationName of the organization to found; not looked at where there is one to join
 * @returns undefined when the link does not work any more
 * @throws GatehouseError validation_failed for `password` or, when one is to be founded without a name, `organization`
 */
export async function completeSignUp(
  db: Queryable,
  details: { token: string; name: string; password: string; organizationName: string },
): Promise<{ user: Pick<User, 'id' | 'email'>; organizationSlug: string } | undefined> {
  const signUp = await findSignUp(db, details.token)
  if (!signUp) return undefined
  const passwordHash = await hashNewPassword(details.password, ownerOf(signUp, details.organizationName))
  return db
    .transaction()
    .execute(async (tx) => {
      const link = await consumeMailLink(tx, 'sign_up', details.token)
      if (!link) return undefined
      const user = { id: newId('user'), email: link.email }
      await insertVerifiedUser(tx, { ...user, name: details.name, passwordHash })
      return { user, organizationSlug: await giveOrganization(tx, user, details.organizationName) }
    })
    .catch((error) => {
      if (violates(error, 'users_email_unique')) return undefined
      throw error
    })
}

async function giveOrganization(tx: Queryable, user: Pick<User, 'id' | 'email'>, name: string): Promise<string> {
  const organization = await findOrganizationOfDomain(tx, domainOf(user.email))
  // Checked here as well as on the page: the domain may have left its organization since that was shown.
  if (!organization) return (await foundOwnOrganization(tx, { name, founder: user })).slug
  await joinOrganization(tx, { organization, user, admin: false, actor: { user } })
  return organization.slug
}
