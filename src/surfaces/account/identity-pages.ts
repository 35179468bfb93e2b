import type { Logger } from 'pino'
import { listConnectionsForUser } from '#authentication/connections/identity-queries.ts'
import { unlinkIdentity } from '#authentication/connections/link-identity.ts'
import type { Queryable } from '#foundation/database/database.ts'
import { GatehouseError } from '#foundation/errors.ts'
import type { Route } from '#foundation/http/router.ts'
import { seeOther } from '#foundation/http/see-other.ts'
import { message } from '#foundation/messages/message.ts'
import { sentence } from '#foundation/messages/sentence.ts'
import type { Render } from '#surfaces/page-kit/render.ts'
import type { SignedInPages, SignedInRequest } from '#surfaces/page-kit/signed-in-pages.ts'
import { freshSignIn } from '#surfaces/page-kit/signed-in-user.ts'
import { showUpstreamError } from '#surfaces/sign-in/upstream-error-page.ts'
import type { UpstreamTransactions } from '#surfaces/sign-in/upstream-transactions.ts'
import { renderSecurity } from './security-pages.ts'

const at = '/account/security'

interface Parts {
  db: Queryable
  log: Logger
  render: Render
  upstreamTransactions: UpstreamTransactions
}

/** Ways to sign in besides a password: to have one more, or one less. */
export function identityPages({ pages, ...parts }: Parts & { pages: SignedInPages }): Route[] {
  const { form } = pages.with(parts)
  const demand = { ...freshSignIn, returnTo: at }
  return [
    ['POST', `${at}/link`, form(postLink, demand)],
    ['POST', `${at}/unlink`, form(postUnlink, demand)],
  ]
}

/** To the identity provider that a person wants to sign in by from now on; it brings them back to `Security`. */
async function postLink(request: SignedInRequest & Parts): Promise<void> {
  const { ctx, db, form, signedIn, upstreamTransactions } = request
  const { user, sessionUid } = signedIn
  const connections = await listConnectionsForUser(db, user.id)
  const connection = connections.find(({ handle }) => handle === form.connection)
  if (!connection) throw new GatehouseError('not_found', 'That way to sign in is not available any more.')
  const purpose = { kind: 'link', userId: user.id, sessionUid } as const
  try {
    const wishes = { loginHint: undefined, fresh: false }
    seeOther(ctx, await upstreamTransactions.begin(ctx, connection, purpose, wishes))
  } catch (error) {
    const back = { label: message('page-kit.back_to_security'), href: at }
    await showUpstreamError(request, ctx, { error, connection, back })
  }
}

/** Takes a way to sign in away; the last one stays. */
async function postUnlink(request: SignedInRequest & Parts): Promise<void> {
  const { ctx, db, form, signedIn } = request
  try {
    await unlinkIdentity(db, signedIn, form.identity ?? '')
  } catch (error) {
    if (!(error instanceof GatehouseError) || error.code !== 'conflict') throw error
    return renderSecurity(request, { identityError: sentence(error.message) }, 409)
  }
  seeOther(ctx, `${at}?changed=unlinked`)
}
