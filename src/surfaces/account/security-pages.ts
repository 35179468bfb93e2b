import { connectionLabel } from '#authentication/connections/connection.ts'
import { upstreamTargets } from '#authentication/connections/connection-addresses.ts'
import { listConnectionsForUser, listIdentitiesOfUser } from '#authentication/connections/identity-queries.ts'
import { changePassword } from '#authentication/passwords/change-password.ts'
import { isTooLong, passwordLength } from '#authentication/passwords/password.ts'
import { passwordOwner } from '#authentication/passwords/password-owner.ts'
import { type PasswordOwner, passwordProblem } from '#authentication/passwords/password-rules.ts'
import { builtInClientId } from '#directory/clients/built-in-client.ts'
import { freshSignInSeconds, isSignInFresh } from '#directory/users/actor.ts'
import type { Queryable } from '#foundation/database/database.ts'
import type { Route } from '#foundation/http/router.ts'
import { seeOther } from '#foundation/http/see-other.ts'
import { message, type Text } from '#foundation/messages/message.ts'
import { sentence } from '#foundation/messages/sentence.ts'
import type { MailOutbox } from '#foundation/outbox/outbox.ts'
import {
  type EnteredPassword,
  type EnteredPasswordParts,
  tryEnteredPassword,
} from '#surfaces/page-kit/entered-password.ts'
import type { SignedInPages, SignedInRequest } from '#surfaces/page-kit/signed-in-pages.ts'
import { freshSignIn } from '#surfaces/page-kit/signed-in-user.ts'

const at = '/account/security'
/** What the page can say has happened. */
const changes = ['password', 'short', 'linked', 'taken', 'unlinked']
/** Without a second factor, length is what makes a password hard to guess. */
const recommendedLength = 15

export interface SecurityParts extends EnteredPasswordParts {
  db: Queryable
  outbox: MailOutbox
}

type SecurityRequest = SignedInRequest & SecurityParts

export function securityPages({ pages, ...parts }: SecurityParts & { pages: SignedInPages }): Route[] {
  const { page, form } = pages.with(parts)
  return [
    ['GET', at, page(showSecurity)],
    ['GET', `${at}/confirm`, page(confirmIdentity, freshSignIn)],
    ['POST', `${at}/password`, form(postPassword, { ...freshSignIn, returnTo: at })],
  ]
}

interface Mistakes {
  currentError?: Text
  newError?: Text
  identityError?: Text
}

/** How one signs in. The form shows once the sign-in is fresh; before that, a button that asks for the password. */
async function showSecurity(request: SecurityRequest): Promise<void> {
  await renderSecurity(request, {})
}

/** Reached with a fresh sign-in only: the way here asks for one. */
async function confirmIdentity({ ctx }: SecurityRequest): Promise<void> {
  seeOther(ctx, at)
}

/** A new password for the person who knows the old one. Their other sessions end. */
async function postPassword(request: SecurityRequest): Promise<void> {
  const { ctx, form, signedIn } = request
  const current = form.current_password ?? ''
  const password = form.new_password ?? ''
  const newError = problemWith(password, current, await passwordOwner(request.db, signedIn.user))
  if (newError) return renderSecurity(request, { newError }, isTooLong(password) ? 400 : 422)
  const attempt = await tryCurrentPassword(request, current)
  if (attempt.outcome === 'refused') {
    // 401 would be about the session, which is as good as before.
    return renderSecurity(request, { currentError: attempt.message }, attempt.status === 401 ? 422 : attempt.status)
  }
  await changePassword(request, signedIn, password)
  seeOther(ctx, `${at}?changed=${password.length < recommendedLength ? 'short' : 'password'}`)
}

/** Looked at before the current password, so that a mistake in the new one costs none of the ten tries. */
function problemWith(password: string, current: string, owner: PasswordOwner): Text | undefined {
  if (password === current && password !== '') return message('account.security.same')
  const problem = passwordProblem(password, owner)
  return problem && sentence(problem)
}

/** Counted with every other try at this account's password: a borrowed browser is no place for guessing it. */
function tryCurrentPassword(request: SecurityRequest, password: string): Promise<EnteredPassword> {
  const { email } = request.signedIn.user
  return tryEnteredPassword(request, request.ctx, {
    email,
    password,
    clientId: builtInClientId,
    organization: request.signedIn.organization.slug,
    wrong: message('page-kit.not_your_password'),
  })
}

export async function renderSecurity(
  request: SignedInRequest & { db: Queryable },
  mistakes: Mistakes,
  status?: number,
): Promise<void> {
  const { ctx, db, signedIn, show } = request
  const { changed } = ctx.query
  const [identities, connections] = await Promise.all([
    listIdentitiesOfUser(db, signedIn.user.id),
    listConnectionsForUser(db, signedIn.user.id),
  ])
  await show(
    'security',
    {
      at,
      ...mistakes,
      email: signedIn.user.email,
      hasPassword: signedIn.user.passwordHash !== null,
      isFresh: isSignInFresh(signedIn, freshSignInSeconds),
      signedInAt: signedIn.signedInAt,
      changed: changes.find((known) => known === changed),
      identities: identities.map(({ connection, ...identity }) => ({
        ...identity,
        label: connectionLabel(connection),
      })),
      connections: connections
        .filter(({ id }) => !identities.some((identity) => identity.connection.id === id))
        .map((connection) => ({ handle: connection.handle, label: connectionLabel(connection) })),
      formTargets: upstreamTargets(connections),
      recommendedLength,
      lengths: passwordLength,
    },
    status,
  )
}
