import type Koa from 'koa'
import type { Provider } from 'oidc-provider'
import type { Logger } from 'pino'
import type { UpstreamTransactions } from '../connections/upstream-transactions.ts'
import type { Upstreams } from '../connections/upstreams.ts'
import type { Encryption } from '../crypto/encryption.ts'
import type { Queryable } from '../database/database.ts'
import type { ClientAddress } from '../http/client-address.ts'
import type { Csrf } from '../http/csrf.ts'
import type { Form } from '../http/read-form.ts'
import type { Render } from '../http/render.ts'
import type { MailOutbox } from '../mail/outbox.ts'
import type { UpstreamSignOut } from '../oidc/upstream-sign-out.ts'
import type { AuthenticateWithPassword } from '../passwords/authenticate-with-password.ts'
import type { Interaction } from './interaction.ts'
import type { KnownBrowser } from './known-browser.ts'

export interface InteractionParts {
  issuer: string
  log: Logger
  encryption: Encryption
  upstreams: Upstreams
  upstreamTransactions: UpstreamTransactions
  upstreamSignOut: UpstreamSignOut
  provider: () => Provider
  db: Queryable
  render: Render
  csrf: Csrf
  authenticateWithPassword: AuthenticateWithPassword
  knownBrowser: KnownBrowser
  clientAddress: ClientAddress
  signUp: 'open' | 'closed'
  outbox: MailOutbox
}

/** One step of a step's page: what it shows and what it does with the form. */
export type StepHandler = (step: Step) => Promise<void>

export interface Step extends Omit<InteractionParts, 'provider'> {
  ctx: Koa.Context
  provider: Provider
  interaction: Interaction
  form: Form
}
