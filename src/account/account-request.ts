import type Koa from 'koa'
import type { Logger } from 'pino'
import type { UpstreamTransactions } from '../connections/upstream-transactions.ts'
import type { RequestDatabase } from '../database/request-transaction.ts'
import type { ClientAddress } from '../http/client-address.ts'
import type { Csrf } from '../http/csrf.ts'
import type { Form } from '../http/read-form.ts'
import type { Render } from '../http/render.ts'
import type { KnownBrowser } from '../interaction/known-browser.ts'
import type { MailOutbox } from '../mail/outbox.ts'
import type { SignAccessToken } from '../oidc/current-provider.ts'
import type { UpstreamSignOut } from '../oidc/upstream-sign-out.ts'
import type { AuthenticateWithPassword } from '../passwords/authenticate-with-password.ts'
import type { Show } from './account-frame.ts'
import type { SignedInUser, SignedInUserParts } from './signed-in-user.ts'

/** What the account pages are made of. */
export interface AccountParts extends SignedInUserParts {
  database: RequestDatabase
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
