import { listRequiredConnections } from '#authentication/connections/required-connections.ts'
import { ownsDomainOf } from '#authentication/connections/vouching.ts'
import { consumeMailLink, findMailLink, mailLinkPath, makeMailLink } from '#authentication/mail-links/mail-link.ts'
import type { PasswordOwner } from '#authentication/passwords/password-rules.ts'
import { hashNewPassword } from '#authentication/passwords/set-password.ts'
import { joinOrganization } from '#directory/organizations/join-organization.ts'
import { findOrganization, findOrganizationOfDomain } from '#directory/organizations/organization-queries.ts'
import { findUserByEmail } from '#directory/users/user-queries.ts'
import { newId } from '#foundation/crypto/ids.ts'
import { violates } from '#foundation/database/constraint.ts'
import { inTransaction, type Queryable } from '#foundation/database/database.ts'
import type { Organization, User } from '#foundation/database/schema.ts'
import { GatehouseError } from '#foundation/errors.ts'
import type { Asking } from '#foundation/outbox/mail.ts'
import type { MailOutbox } from '#foundation/outbox/outbox.ts'
import { domainOf } from '#foundation/values/email-address.ts'
import { foundOwnOrganization } from './found-own-organization.ts'
import { insertVerifiedUser } from './register-user.ts'

/** Where a person signs up: at an organization, which they join; without one, they found their own. */
export type SignUpPlace = Organization | undefined

/** Where an address is asked for. */
export function signUpPage(place: Pick<Organization, 'slug'> | undefined): string {
  return place ? `/o/${place.slug}/sign-up` : '/sign-up'
}

/** Where the mailed link leads. */
export function signUpDetailsPage(place: Pick<Organization, 'slug'> | undefined): string {
  return `${signUpPage(place)}/details`
}

/**
 * Whether people with an address of the organization's verified domains may join it by signing up: where it says so, and
 * takes a password.
 */
export async function takesSignUps(
  db: Queryable,
  organization: Pick<Organization, 'id' | 'joinByDomain'>,
): Promise<boolean> {
  return organization.joinByDomain && (await listRequiredConnections(db, organization.id)).length === 0
}

/** The organization to sign up at; undefined for one that takes no sign-ups, or does not exist. */
export async function findSignUpOrganization(db: Queryable, slug: string): Promise<Organization | undefined> {
  const organization = await findOrganization(db, slug)
  return organization && (await takesSignUps(db, organization)) ? organization : undefined
}

/** The organization that an address may join by signing up there. */
export async function findOrganizationToJoin(db: Queryable, email: string): Promise<Organization | undefined> {
  const organization = await findOrganizationOfDomain(db, domainOf(email))
  return organization && (await takesSignUps(db, organization)) ? organization : undefined
}

/**
 * Mails a link to a person who wants an account. Who has one already is mailed that instead: the answer and its time are the
 * same, so it tells no one who has an account.
 * @throws GatehouseError validation_failed for `email` when the organization does not own its domain
 */
export async function requestSignUp(
  { db, outbox }: { db: Queryable; outbox: MailOutbox },
  { email, asked, place }: { email: string; asked: Asking; place: SignUpPlace },
): Promise<void> {
  if (place && !(await ownsDomainOf(db, place.id, email))) {
    const message = `${place.name} takes in its own addresses only. Enter yours there, or ask an administrator to invite you.`
    throw new GatehouseError('validation_failed', message, { fields: [{ path: 'email', message }] })
  }
  await inTransaction(db, async (tx) => {
    const user = await findUserByEmail(tx, email)
    const of = { purpose: 'sign_up', email, payload: { asked }, ...(place && { organizationId: place.id }) } as const
    const token = await makeMailLink(tx, of)
    if (!token) return
    if (user) {
      const decoy = user.deactivatedAt !== null
      await outbox.enqueueMail(tx, { to: user.email, template: 'account-exists', locals: { asked }, decoy })
    } else {
      const locals = { linkPath: mailLinkPath(signUpDetailsPage(place), token), asked }
      await outbox.enqueueMail(tx, { to: email, template: 'verify-email', locals })
    }
  })
}

/** What a link for signing up leads to. */
export interface SignUp {
  email: string
  place: SignUpPlace
  asked: Asking | undefined
}

/**
 * Undefined when the link does not work any more or is of another place, when the address was taken meanwhile, or the
 * organization no longer owns its domain.
 */
export async function findSignUp(
  db: Queryable,
  { place, token }: { place: SignUpPlace; token: string },
): Promise<SignUp | undefined> {
  const link = await findMailLink(db, 'sign_up', token)
  if (!link || link.organizationId !== (place?.id ?? null)) return undefined
  if (place && !(await ownsDomainOf(db, place.id, link.email))) return undefined
  if (await findUserByEmail(db, link.email)) return undefined
  return { email: link.email, place, asked: link.payload.asked }
}

/** What the rules for a new password ask of a person who signs up. @param founding the name that the organization is to have */
export function ownerOf({ email, place }: SignUp, founding: string | undefined): PasswordOwner {
  return { email, organizations: place ? [place.name, place.slug] : [founding ?? ''] }
}

/**
 * Creates the account of the link's holder, and in the same transaction either their membership of the organization
 * where they signed up, without any grant, or an organization of their own.
 * @param details.organizationName of the organization to found; not looked at where there is one to join
 * @returns undefined when the link does not work any more
 * @throws GatehouseError validation_failed for `password` or, when one is to be founded without a name, `organization`
 */
export async function completeSignUp(
  db: Queryable,
  details: { place: SignUpPlace; token: string; name: string; password: string; organizationName: string },
): Promise<Pick<User, 'id' | 'email'> | undefined> {
  const { place, token, name, organizationName } = details
  const signUp = await findSignUp(db, { place, token })
  if (!signUp) return undefined
  const passwordHash = await hashNewPassword(details.password, ownerOf(signUp, organizationName))
  return db
    .transaction()
    .execute(async (tx) => {
      // Again: the domain may have left its organization since.
      const link = (await findSignUp(tx, { place, token })) && (await consumeMailLink(tx, 'sign_up', token))
      if (!link) return undefined
      const user = { id: newId('user'), email: link.email }
      await insertVerifiedUser(tx, { ...user, name, passwordHash })
      if (place) await joinOrganization(tx, { organization: place, user, admin: false, actor: { user } })
      else await foundOwnOrganization(tx, { name: organizationName, founder: user })
      return user
    })
    .catch((error) => {
      if (violates(error, 'users_email_unique')) return undefined
      throw error
    })
}
