import type Koa from 'koa'
import type { Logger } from 'pino'
import type { AuthenticateWithPassword } from '#authentication/passwords/authenticate-with-password.ts'
import type { SignAccessToken } from '#credentials/signing-keys/sign-access-token.ts'
import type { RequestTransaction } from '#foundation/database/request-transaction.ts'
import type { ClientAddress } from '#foundation/http/client-address.ts'
import type { Form } from '#foundation/http/read-form.ts'
import type { MailOutbox } from '#foundation/outbox/outbox.ts'
import type { UpstreamSignOut } from '#protocol/provider/upstream-sign-out.ts'
import type { Show } from '#surfaces/page-kit/account-frame.ts'
import type { Csrf } from '#surfaces/page-kit/csrf.ts'
import type { KnownBrowser } from '#surfaces/page-kit/known-browser.ts'
import type { Render } from '#surfaces/page-kit/render.ts'
import type { SignedInUser, SignedInUserParts } from '#surfaces/page-kit/signed-in-user.ts'
import type { UpstreamTransactions } from '#surfaces/sign-in/upstream-transactions.ts'

/** What the account pages are made of. */
export interface AccountParts extends SignedInUserParts {
  requestTransaction: RequestTransaction
  log: Logger
  render: Render
  csrf: Csrf
  outbox: MailOutbox
  authenticateWithPassword: AuthenticateWithPassword
  knownBrowser: KnownBrowser
  clientAddress: ClientAddress
  apiKeyPrefix: string
  signAccessToken: SignAccessToken
  upstreamTransactions: UpstreamTransactions
  upstreamSignOut: UpstreamSignOut
}

/** One request of a signed-in person for a page of their own. */
export interface AccountRequest extends AccountParts {
  ctx: Koa.Context
  signedIn: SignedInUser
  /** Empty for GET. */
  form: Form
  show: Show
}
